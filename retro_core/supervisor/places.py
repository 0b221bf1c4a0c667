"""Where the embedded services keep their files and sockets."""

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retro_core.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Places:
    """Every path below one data folder, and the short folder for sockets."""

    data: Path

    @property
    def sockets(self) -> Path:
        """A short folder: a unix socket's path holds at most 107 bytes, however deep `data` is."""
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:10]
        return Path("/tmp") / f"retro-{os.getuid()}-{digest}"

    @property
    def logs(self) -> Path:
        """One log file for each child."""
        return self.data / "logs"

    @property
    def postgres(self) -> Path:
        """The database cluster."""
        return self.data / "postgres"

    @property
    def valkey(self) -> Path:
        """The broker's append-only file."""
        return self.data / "valkey"

    @property
    def models(self) -> Path:
        """The language model in the form that loads fast."""
        return self.data / "models"

    @property
    def adapters(self) -> Path:
        """Trained adapters, one folder each."""
        return self.data / "adapters"

    @property
    def training(self) -> Path:
        """One folder for each training run: its specification, checkpoints and log."""
        return self.data / "training"

    @property
    def exchange(self) -> Path:
        """One folder for each export or import."""
        return self.data / "exchange"

    @property
    def catalogues(self) -> Path:
        """Unpacked products of imported shops: rows of tasks name them."""
        return self.data / "catalogues"

    @property
    def corpora(self) -> Path:
        """Folders of pages (*.jsonl with title and text) for questions."""
        return self.data / "corpora"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this data folder."""
        return self.data / "up.lock"

    @property
    def record(self) -> Path:
        """What the supervisor tells about its children."""
        return self.data / "up.json"

    def made_anew(self) -> list[Path]:
        """What a reset deletes: the rows, and every file that only they make sense of."""
        folders = [self.postgres, self.valkey, self.logs, self.adapters, self.training]
        return [*folders, self.exchange, self.catalogues, self.data / "static"]

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
        try:
            if not path.exists():
                self._write_secret_key(path)
            return path.read_text().strip()
        except OSError as error:
            raise CannotStart(
                f"The data folder {self.data} cannot be used ({error.strerror})."
                " Set STUDIO_DATA_DIR to a folder of yours."
            ) from error

    def _write_secret_key(self, path: Path) -> None:
        """Write it in one step, so that two processes at once agree on one key."""
        self.data.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"secret_key.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()

    def make_sockets(self, owner: int | None = None) -> None:
        """Make the socket folder for one account only, and refuse a stranger's folder there."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(self.sockets, owner, -1, follow_symlinks=False)
        found = self.sockets.lstat()
        cluster_owner = self.postgres.stat().st_uid if self.postgres.exists() else owner
        ours = {os.geteuid(), owner, cluster_owner}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
            raise CannotStart(
                f"{self.sockets} belongs to another account; ask its owner to remove it."
            )
        self.sockets.chmod(0o700)
