"""Where the embedded services keep their files and sockets."""

import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Every path below one data folder, and the short folder for sockets."""

    data: Path

    @property
    def sockets(self) -> Path:
        """A short folder: a unix socket's path holds at most 107 bytes, however deep `data` is."""
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"retro-{os.getuid()}-{digest}"

    def database_url(self) -> str:
        """The embedded PostgreSQL, over its unix socket."""
        host = str(self.sockets).replace("/", "%2F")
        return f"postgresql://studio@{host}/studio"

    def redis_url(self) -> str:
        """The embedded Valkey, over its unix socket."""
        return f"unix://{self.sockets}/valkey.sock"

    def secret_key(self) -> str:
        """Read Django's secret key from the data folder, making it on first use."""
        path = self.data / "secret_key"
        if not path.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(48))
        return path.read_text().strip()
