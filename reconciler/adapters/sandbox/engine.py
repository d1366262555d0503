"""The life of a resource between terraform and the cloud: plan, create, read, update, delete.

The same for every type. A handler gives what differs: see `kind`. It must report a half-made
resource as made, or the next run would make it twice.
"""

import traceback
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from reconciler.adapters.sandbox.call import Call, Session, found, is_gone
from reconciler.adapters.sandbox.facts import resources
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.merging import Merger
from reconciler.adapters.sandbox.planning import Planner, plan_tags
from reconciler.adapters.sandbox.values import UNKNOWN, Values, has_unknown, known, null_object


@dataclass
class Outcome:
    """What terraform hears: the new values, None for gone, and what went wrong."""

    values: Values | None
    replace: list[str] = field(default_factory=list)
    summary: str = ""
    detail: str = ""


class Resource:
    """One resource type in one provider configuration."""

    def __init__(self, name: str, kind: Kind, session: Session) -> None:
        self.name = name
        self._facts = resources()[name]
        self._attributes: dict[str, Any] = self._facts["attributes"]
        self._kind = kind
        self._session = session
        self._merger = Merger(self._facts, kind)

    def _call(self, values: Values) -> Call:
        region = values.get("region")
        return Call(self._session, region if isinstance(region, str) and region else None)

    def _tagged(self) -> bool:
        return "tags_all" in self._attributes

    def _known(self, planned: Values) -> Values:
        """The planned values as a handler wants them: blocks are lists, also when not known."""
        values: Values = known(planned)
        for name, fact in self._facts.get("blocks", {}).items():
            if values[name] is None and fact["nesting"] != "single":
                values[name] = []
        return values

    def plan(self, config: Values, prior: Values | None) -> Outcome:
        planner = Planner(self._facts, self._kind)
        planned = planner.plan(config, prior)
        call = self._call(config)
        if "region" in self._attributes and planned["region"] is UNKNOWN:
            planned["region"] = call.region
        if self._tagged():
            tags = config.get("tags")
            merged = None if has_unknown(tags) else call.all_tags(tags)
            plan_tags(planned, config, prior, merged)
        try:
            self._kind.customize(call, prior, planned)
        except ValueError as error:
            return Outcome(planned, [], f"{self.name}: not possible", str(error))
        if prior is None:
            return Outcome(planned)
        planner.renew(prior, planned)
        return Outcome(planned, planner.replaced(prior, planned))

    def create(self, planned: Values) -> Outcome:
        call, values = self._call(planned), self._known(planned)
        try:
            identity = call.made = self._kind.create(call, values)
            self._session.faults.after_create(self.name)
            return self._now(call, identity, planned, "creating")
        except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            # Made, and then something failed: terraform must hear that it exists.
            half = {**values, "id": call.made} if call.made else None
            return self._failed("creating", error, half)

    def _now(self, call: Call, identity: str, planned: Values, doing: str) -> Outcome:
        """The state after a change, which must be what the plan promised."""
        seen = self._seen(call, identity, self._known(planned))
        if seen is None:
            detail = "The cloud does not have what it just took."
            return Outcome(
                {**self._known(planned), "id": identity}, [], f"{doing} {self.name}", detail
            )
        state = self._merger.merge(planned, {**seen, "id": identity})
        wrong = self._merger.differences(planned, state)
        if not wrong:
            return Outcome(state)
        detail = "; ".join(f"{one}: planned {planned[one]!r}, got {state[one]!r}" for one in wrong)
        return Outcome(state, [], f"{doing} {self.name}: the sandbox is inconsistent", detail)

    def _seen(self, call: Call, identity: str, values: Values) -> Values | None:
        seen: Values | None = found(lambda: self._kind.read(call, identity, values))
        if seen is None:
            return None
        if "region" in self._attributes:
            seen.setdefault("region", call.region)
        if self._tagged() and "tags_all" in seen:
            seen["tags"] = call.own_tags(seen["tags_all"], values.get("tags"))
        return seen

    def read(self, current: Values) -> Outcome:
        try:
            call = self._call(current)
            seen = self._seen(call, current["id"], current)
            if seen is None:
                return Outcome(None)
            return Outcome(self._merger.merge(current, {"id": current["id"], **seen}))
        except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            return self._failed("reading", error, current)

    def update(self, prior: Values, planned: Values) -> Outcome:
        try:
            call = self._call(planned)
            self._kind.update(call, prior, self._known(planned))
            return self._now(call, prior["id"], planned, "updating")
        except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            # What the cloud took of it shows at the next refresh.
            return self._failed("updating", error, prior)

    def delete(self, prior: Values) -> Outcome:
        try:
            self._kind.delete(self._call(prior), prior)
        except ClientError as error:
            if not is_gone(error):
                return self._failed("deleting", error, prior)
        except (BotoCoreError, KeyError, TypeError, ValueError) as error:
            return self._failed("deleting", error, prior)
        return Outcome(None)

    def import_(self, identity: str) -> Outcome:
        """What there is under this id, with the defaults for what the cloud does not tell."""
        base = null_object(self._facts)
        base.update({k: v for k, v in self._kind.defaults.items() if k in self._attributes})
        try:
            call = self._call({})
            seed = self._kind.import_seed(call, identity)
            identity = seed.get("id", identity)
            seen = self._seen(call, identity, {**base, **seed})
        except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            return self._failed("importing", error, None)
        if seen is None:
            detail = f"The sandbox has nothing with the id {identity!r}."
            return Outcome(None, [], "Cannot import non-existent remote object", detail)
        strict = Merger(self._facts, self._kind, lenient=False)
        return Outcome(strict.merge({**base, **seed}, {**seen, "id": identity}))

    def _failed(self, doing: str, error: Exception, values: Values | None) -> Outcome:
        subject = values.get("id") if values else None
        summary = f"{doing} {self.name}" + (f" ({subject})" if subject else "")
        if isinstance(error, ClientError | BotoCoreError):
            return Outcome(values, [], summary, str(error))
        detail = "".join(traceback.format_exception(error)[-3:])
        return Outcome(values, [], f"{summary}: a fault of the sandbox", detail)
