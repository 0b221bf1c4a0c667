"""People who annotate by keys alone, each in a browser of their own, over a line that breaks."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import Error, expect

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

Label = tuple[str, float | None]  # kind and value, None where the kind has none of its own
VALUES = [-1.0, -0.5, 0.0, 0.5, 1.0]
KEYS = {"accept": "a", "unsure": "u", "discard": "d"}
MISHAPS = ["", "offline", "lid", "lost submit", "undo"]
WAIT_MS = 60_000
STAYS_MS = 10_000  # where the page may have noticed that there is no connection


def label_at_random(rng: random.Random, may_accept: bool) -> Label:
    """A kind, and a value where it has one of its own."""
    kinds = ["accept", "override", "unsure", "discard"]
    kind = rng.choices(kinds, [8 if may_accept else 0, 10, 1, 1])[0]
    return kind, rng.choice(VALUES) if kind == "override" else None


@dataclass
class Annotator:
    """One signed-in person; `sent` is what they know to have submitted, by item."""

    name: str
    context: "BrowserContext"
    page: "Page"
    queue_id: int
    wanted: int
    rng: random.Random
    sent: dict[int, Label] = field(default_factory=dict)
    meant: Label = ("unsure", None)
    events: list[tuple[int, str]] = field(default_factory=list)  # item and what happened to it

    @property
    def counts(self) -> Counter[str]:
        """How often each mishap came."""
        return Counter(what for _, what in self.events if not what.startswith("knows"))

    @property
    def item(self) -> int:
        """The item that the page shows; 0 where it shows none."""
        _, _, rest = self.page.url.partition("/items/")
        return int(rest.partition("/")[0] or 0)

    async def work(self) -> None:
        """Answer what is handed out until every answer of the queue is given."""
        while True:
            if self.item == 0 and not await self.begin():
                return
            await self.answer()

    async def begin(self) -> bool:
        """Open the queue and ask for an item; False once the queue has all its answers."""
        await self.open(f"/annotation/queues/{self.queue_id}/")
        shown = await self.page.locator("#progress dd").first.inner_text()
        if int(shown.replace(",", "").split()[0]) >= self.wanted:
            return False
        annotate = self.page.get_by_role("button", name="Annotate")
        await annotate.focus()
        await self.press("Enter")
        if self.item == 0:  # all that is left is in the hands of others
            await asyncio.sleep(0.3)
        return True

    async def answer(self) -> None:
        """Answer the item on the page, with one mishap now and then."""
        if self.item == 0:
            return
        item, shown = self.item, self.page.url
        if not await self.is_whole():
            await self.leave()
            return
        may_accept = await self.page.locator('[value="accept"]').is_enabled()
        self.meant = label_at_random(self.rng, may_accept)
        mishap = self.rng.choices(MISHAPS, [20, 2, 1, 1, 1])[0]
        if mishap == "offline":
            await self.type_offline()
        else:
            await self.type()
        if mishap == "lid":
            await self.close_the_lid()
        if mishap == "lost submit":
            await self.lose_the_line_at_submit()
        else:
            await self.press("Control+Enter")
        await self.see_to_it(item, shown)
        if mishap == "undo":
            await self.take_back(item)

    async def type(self) -> None:
        """The keys of the label, and sometimes of confidence, rubric and a note."""
        kind, value = self.meant
        keys = KEYS[kind] if value is None else str(VALUES.index(value) + 1)
        keys += "c" * self.rng.randrange(4) + "q" * self.rng.randrange(2)
        for key in keys:
            await self.page.keyboard.press(key)
        if self.rng.random() < 0.1:
            await self.page.keyboard.press("m")
            await self.page.keyboard.type("aoud 12345")
            await self.page.keyboard.press("Escape")

    async def type_offline(self) -> None:
        """Answer without a connection: submitting waits on the page, then the draft is saved."""
        self.count("typed without a connection")
        await self.context.set_offline(True)
        await self.type()
        await self.page.keyboard.press("Control+Enter")
        saved = self.page.locator("#saved")
        await expect(saved).to_contain_text("no connection", timeout=WAIT_MS)
        await self.context.set_offline(False)

    async def close_the_lid(self) -> None:
        """The page is gone at once, offline; a new one has what was typed."""
        self.count("page closed without a connection")
        address = self.page.url
        await self.context.set_offline(True)
        await self.page.close()
        await self.context.set_offline(False)
        self.page = await self.context.new_page()
        await self.open(address)
        await self.expect_my_label()

    async def lose_the_line_at_submit(self) -> None:
        """The connection breaks while the answer is on its way, or just before."""
        self.count("connection lost at submit")
        pressed = asyncio.ensure_future(self.press("Control+Enter", STAYS_MS))
        await asyncio.sleep(self.rng.random() * 0.2)
        await self.context.set_offline(True)
        await pressed
        await self.context.set_offline(False)

    async def see_to_it(self, item: int, shown: str) -> None:
        """Look until the answer is known to have arrived; send it again where it has not.

        `shown` is the address of the page that it was sent from.
        """
        while "undo=" not in self.page.url or self.page.url == shown:
            shown = f"/annotation/queues/{self.queue_id}/items/{item}/"
            await self.open(shown)
            if await self.page.get_by_role("heading", name="Submitted").count():
                self.count("arrived though its page was lost", item)
                self.note_sent(item)
                await self.leave()
                return
            if not await self.is_whole():
                self.count("page that was cut off", item)
                continue
            await self.expect_my_label()
            self.count("submitted again", item)
            await self.press("Control+Enter")
        self.note_sent(item)

    def note_sent(self, item: int) -> None:
        """The page says that the answer arrived."""
        self.sent[item] = self.meant
        self.count(f"knows of {self.meant}", item)

    async def is_whole(self) -> bool:
        """Whether the form is there and its script runs: a killed server can cut off both."""
        form, highlights = self.page.locator("#answer"), self.page.locator("#highlights")
        return bool(await form.count()) and await highlights.is_visible()

    async def expect_my_label(self) -> None:
        """Nothing that was typed is lost."""
        kind, value = self.meant
        chosen = self.page.locator(f'#answer [name="kind"][value="{kind}"]')
        await expect(chosen).to_be_checked(timeout=WAIT_MS)
        if value is not None:
            await expect(self.page.locator("#value")).to_have_value(f"{value:g}")

    async def take_back(self, item: int) -> None:
        """Undo by key, and answer otherwise."""
        if not await self.page.locator("[data-undo]").count():
            return
        await self.press("z")
        await self.open(f"/annotation/queues/{self.queue_id}/items/{item}/")
        if await self.page.get_by_role("heading", name="Submitted").count():
            await self.leave()
            return
        self.count("undone", item)
        del self.sent[item]
        while not await self.is_whole():
            await self.open(f"/annotation/queues/{self.queue_id}/items/{item}/")
        self.meant = ("override", self.rng.choice(VALUES))
        await self.type()
        shown = self.page.url
        await self.press("Control+Enter")
        await self.see_to_it(item, shown)

    async def leave(self) -> None:
        """This item is full or answered: go on from the queue."""
        await self.open(f"/annotation/queues/{self.queue_id}/")

    async def press(self, key: str, wait_ms: int = WAIT_MS) -> None:
        """Press a key that leads to another page; where none comes, stay."""
        try:
            async with self.page.expect_navigation(timeout=wait_ms):
                await self.page.keyboard.press(key)
        except Error:
            self.count("page that did not come")

    async def open(self, address: str) -> None:
        """Go there, however long the server is away."""
        while True:
            try:
                came = await self.page.goto(address)
                if came is not None and came.ok:
                    return
                self.count(f"page with status {came.status if came else 0}")
            except Error:
                self.count("page that did not come")
            await asyncio.sleep(0.3)

    def count(self, what: str, item: int = 0) -> None:
        """Note a mishap, by default of the item on the page."""
        self.events.append((item or self.item, what))
