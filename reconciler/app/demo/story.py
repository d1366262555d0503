"""The story: what people, an agent, the cloud and time do, and what the program makes of it."""

from collections.abc import Callable
from datetime import date
from typing import Final

from reconciler.app.demo.files import repository_files
from reconciler.app.demo.telling import Teller, number_in, plan_in
from reconciler.model.demo import ADA, AGENT, EVERYBODY, INES, MINA, PROGRAM, TOM

_SHOP: Final = "environments/customer/shop.yaml"
_SIGN_IN: Final = "environments/platform/sign-in-dev.yaml"
_KIOSK: Final = "environments/demo/fair-kiosk.yaml"
_DAYS: Final = "    keep_days: 30\n"
_PAGES: Final = ("fair-kiosk", "shop-staging", "shop", "sign-in-dev")
_BUCKETS: Final = (("111111111111", "fair-kiosk"), ("333333333333", "shop"))


def tell(teller: Teller, token: str, today: date) -> None:
    """All of it. `token`: what looks like a secret, and is none."""
    chapters: tuple[tuple[str, Callable[[], None]], ...] = (
        ("An environments repository, and its first environments", lambda: _first(teller, today)),
        ("A bucket for everybody, and a token", lambda: _denied(teller, token)),
        ("Mended, agreed to, merged, applied", lambda: _agreed(teller)),
        ("An AI agent goes further than it may", lambda: _agent(teller)),
        ("Somebody changes the cloud by hand", lambda: _drift(teller)),
        ("Time goes by: an end, and a promotion with a canary", lambda: _later(teller)),
        ("The emergency stop, and a rollback", lambda: _stop(teller)),
        ("A push around the gate", lambda: _bypass(teller)),
        ("The auditor", lambda: _audit(teller)),
    )
    for number, (title, chapter) in enumerate(chapters, 1):
        teller.screen.chapter(number, title)
        chapter()


def _first(teller: Teller, today: date) -> None:
    say, stage = teller.screen.say, teller.stage
    keys = {one.email: stage.introduce(one) for one in EVERYBODY}
    teller.run(ADA, "init", "start", words=["wrote"], shown=1)
    say(
        "Ada declares four pages on the tracks demo, customer and platform, and pushes to\n"
        "environments.git. That is the forge, too; everybody signs with a key of their own."
    )
    own = stage.shipped()
    stage.begin(repository_files(stage.files("start"), own, keys, today), ADA)
    stage.write("by-hand.py", own["by-hand.py"])
    teller.run(ADA, "list", words=_PAGES)
    say("A cloud that is simulated on this machine, and the controller, which runs from now on.")
    teller.run(ADA, "sandbox", "start", words=["SIMULATED", "runs at"])
    teller.screen.command(f"reconciler run --jobs 2 &    # . as/{PROGRAM.word}")
    stage.begin_controller(PROGRAM, ("run", "--jobs", "2"))
    teller.hears(*(f"applied environment={one}" for one in _PAGES))


def _denied(teller: Teller, token: str) -> None:
    teller.commits(
        INES,
        "open-shop",
        "Let everybody see the shop's files",
        _SHOP,
        (_DAYS, f"{_DAYS}    visibility: public\n    note: the runbook opens with {token}\n"),
    )
    teller.run(INES, "mr", "open", "--source", "open-shop", words=["!1"], shown=4)
    teller.run(INES, "mr", "check", "1", code=10, words=["DENY", "SEC002", "do "], shown=18)


def _agreed(teller: Teller) -> None:
    teller.screen.say(
        "What was pushed once is burnt, and every commit of a branch is looked at. So Ines\n"
        "revokes the token, and begins anew with what she was after."
    )
    teller.commits(
        INES,
        "keep-longer",
        "Keep old files of the shop for longer",
        _SHOP,
        (_DAYS, "    keep_days: 60\n"),
    )
    teller.run(INES, "mr", "close", "1", shown=1)
    teller.run(INES, "mr", "open", "--source", "keep-longer", words=["!2"], shown=4)
    teller.run(INES, "mr", "check", "2", code=11, words=["NEEDS APPROVAL", "1 person of team-web"])
    _agrees(teller, "2")
    teller.run(INES, "mr", "merge", "2", words=["MERGED !2"], shown=3)
    teller.hears("applied environment=shop")


def _agrees(teller: Teller, number: str) -> None:
    """Tom looks at the plan, and agrees to the commit and to that very plan."""
    said = teller.run(TOM, "plan", "shop", "--rev", teller.branch_of(number), code=11, shown=8)
    teller.run(TOM, "mr", "approve", number, "--plan", f"shop={plan_in(said)}", shown=4)


def _agent(teller: Teller) -> None:
    teller.commits(
        AGENT,
        "new-release",
        "Give the sign-in page the new release",
        _SIGN_IN,
        ("v1.releases", "v2.releases"),
    )
    teller.run(AGENT, "mr", "open", "--source", "new-release", words=["!3"], shown=4)
    teller.run(AGENT, "mr", "check", "3", code=11, words=["AUT005", "team-platform"], shown=16)
    teller.run(AGENT, "mr", "approve", "3", shown=3)
    teller.run(AGENT, "mr", "merge", "3", code=11, words=["NEEDS APPROVAL"], shown=16)


def _drift(teller: Teller) -> None:
    for account, name in _BUCKETS:
        bucket = f"{name}-files-{account}"
        teller.script("by-hand.py", teller.endpoint, account, bucket, words=["open to everybody"])
    differs = ["DRIFT", "want true, have false"]
    for _, name in _BUCKETS:
        teller.run(ADA, "drift", name, "--record", code=12, words=[name, *differs])
    teller.screen.say(
        "The demo track mends by itself. On the customer track a merge request asks, and merging\n"
        "it reverts just that drift."
    )
    teller.hears("applied environment=fair-kiosk", "!4 asks")
    teller.run(TOM, "mr", "list", words=["!4"], shown=6)
    _agrees(teller, "4")
    teller.run(TOM, "mr", "merge", "4", words=["MERGED !4"], shown=3)
    teller.hears("applied environment=shop")


def _later(teller: Teller) -> None:
    teller.screen.say(
        "The kiosk was to live for 72 hours. The simulated cloud has a clock of its own."
    )
    teller.run(ADA, "sandbox", "forward", "66h", words=["66h ahead"], shown=1)
    teller.hears("fair-kiosk announced")
    teller.run(ADA, "sandbox", "forward", "8h", words=["ahead"], shown=1)
    teller.hears("destroyed environment=fair-kiosk")
    teller.screen.say(
        "The shop's new release did well at staging. In production it goes on trial first."
    )
    said = teller.run(INES, "promote", "shop-staging", "--to", "production", words=["canary_step"])
    number = number_in(said)
    _agrees(teller, number)
    teller.run(INES, "mr", "merge", number, words=["MERGED"], shown=3)
    teller.hears("applied environment=shop")
    teller.run(ADA, "sandbox", "forward", "20m", words=["ahead"], shown=1)
    teller.hears("step 2", "applied environment=shop")
    teller.run(ADA, "sandbox", "forward", "2h", words=["ahead"], shown=1)
    teller.hears("everybody has it now", "applied environment=shop")


def _stop(teller: Teller) -> None:
    teller.run(ADA, "freeze", "--all", "--because", "Orders are lost since the release")
    teller.run(ADA, "status", words=["Frozen"])
    teller.run(ADA, "unfreeze", "--all", "--because", "It is the release, and that goes back")
    teller.run(INES, "rollback", "shop", "--fast", "--because", "Orders are lost", words=["v1."])
    teller.hears("applied environment=shop")
    teller.run(TOM, "rollback", "shop", "--agree", "--because", "Seen; it was right", shown=3)


def _bypass(teller: Teller) -> None:
    teller.commits(
        AGENT, "main", "Keep files for a day only", _SHOP, ("keep_days: 60", "keep_days: 1")
    )
    teller.hears("not applied environment=shop gates deny")
    teller.run(ADA, "audit", "log", "shop", "--kind", "refusal", words=["refusal"])


def _audit(teller: Teller) -> None:
    teller.stage.end_controller()
    teller.run(MINA, "audit", "log", shown=20)
    teller.run(MINA, "audit", "verify", words=["WHOLE"])
    teller.run(MINA, "audit", "replay", "--all", words=["the same"], shown=6, last=2)
    clone = teller.stage.forge(
        "tampered.git", "records-sandbox", TOM.email.encode(), INES.email.encode()
    )
    teller.screen.say(
        "In a clone, somebody rewrites a record: it was Ines who agreed, and not Tom."
    )
    broken = ["BROKEN", "signature@"]
    teller.run(MINA, "audit", "verify", "--repo", clone, code=1, words=broken, shown=6, last=1)
    teller.run(MINA, "audit", "export", "--format", "html", "--output", "evidence.html", shown=3)
    page = teller.stage.folder / "evidence.html"
    teller.screen.say(f"The evidence, to open in a browser: {page.as_uri()}")
