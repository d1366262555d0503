"""Terraform's plugin protocol 6, answered by the engine.

`tf` brings the protocol's messages and the process around it. Its own servicer decides too much (it
plans no create, knows no blocks of lists, ends calls in flight when terraform is interrupted), so
this one takes its place.
"""

import functools
import json
import traceback
from collections.abc import Callable
from typing import Any

import msgpack
import tf.provider
import tf.runner
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

from reconciler.adapters.sandbox import facts
from reconciler.adapters.sandbox.configuration import Configuration, ConfigurationError
from reconciler.adapters.sandbox.values import UNKNOWN, Values, null_object

Handler = Callable[[Any, Any, Any], Any]


def _default(value: Any) -> Any:
    return msgpack.ExtType(0, b"\x00") if value is UNKNOWN else value


def decode(message: Any) -> Any:
    """A value of the protocol as plain Python."""
    if message.json:
        return json.loads(message.json)
    if not message.msgpack:
        return None
    return msgpack.unpackb(
        message.msgpack, ext_hook=lambda _code, _data: UNKNOWN, strict_map_key=False
    )


def encode(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value, default=_default))


def complaint(summary: str, detail: str) -> Any:
    return pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=summary, detail=detail)


def answering(response: Any) -> Callable[[Handler], Handler]:
    """Turn what the sandbox did not foresee into a diagnostic: never into a dead provider."""

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def answer(self: Any, request: Any, context: Any) -> Any:
            try:
                return handler(self, request, context)
            except Exception:  # noqa: BLE001  # terraform would only say that the plugin crashed
                detail = traceback.format_exc(limit=-6)
                return response(diagnostics=[complaint("A fault of the sandbox", detail)])

        return answer

    return wrap


def _capabilities() -> Any:
    return pb.ServerCapabilities(plan_destroy=False, get_provider_schema_optional=True)


@functools.cache
def schema() -> Any:
    """Everything that terraform wants to know first; it is asked for at each start."""
    return pb.GetProviderSchema.Response(
        provider=facts.provider_schema(),
        provider_meta=pb.Schema(version=0, block=pb.Schema.Block()),
        resource_schemas={name: facts.resource_schema(name) for name in facts.resources()},
        server_capabilities=_capabilities(),
    )


class Servicer(rpc.ProviderServicer):  # type: ignore[misc]  # tf has no type information
    """Answers terraform. One provider configuration for each process."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    # ---------------------------------------------------------------------------- schema

    def GetMetadata(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.GetMetadata.Response(server_capabilities=_capabilities())

    @answering(pb.GetProviderSchema.Response)
    def GetProviderSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return schema()

    def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        # Names, types and required attributes are terraform's own check, from the schema.
        return pb.ValidateResourceConfig.Response()

    @answering(pb.UpgradeResourceState.Response)
    def UpgradeResourceState(self, request: Any, _context: Any) -> Any:  # noqa: N802
        state = json.loads(request.raw_state.json)
        if state is not None:
            blank = null_object(facts.resources()[request.type_name])
            state = {name: state.get(name, value) for name, value in blank.items()}
        return pb.UpgradeResourceState.Response(upgraded_state=encode(state))

    @answering(pb.ConfigureProvider.Response)
    def ConfigureProvider(self, request: Any, _context: Any) -> Any:  # noqa: N802
        try:
            self._configuration.configure(decode(request.config) or {})
        except ConfigurationError as error:
            said = [complaint(error.summary, error.detail)]
            return pb.ConfigureProvider.Response(diagnostics=said)
        return pb.ConfigureProvider.Response()

    # ------------------------------------------------------------------------- resources

    @answering(pb.ReadResource.Response)
    def ReadResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        current = decode(request.current_state)
        outcome = self._configuration.resource(request.type_name).read(current)
        return pb.ReadResource.Response(
            new_state=encode(outcome.values), private=request.private, diagnostics=_said(outcome)
        )

    @answering(pb.PlanResourceChange.Response)
    def PlanResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        config, prior = decode(request.config), decode(request.prior_state)
        if decode(request.proposed_new_state) is None:
            return pb.PlanResourceChange.Response(planned_state=encode(None))
        outcome = self._configuration.resource(request.type_name).plan(config, prior)
        return pb.PlanResourceChange.Response(
            planned_state=encode(outcome.values),
            requires_replace=[
                pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name)])
                for name in outcome.replace
            ],
            planned_private=request.prior_private,
            diagnostics=_said(outcome),
            # Defaults are planned where the source says nothing, as the real provider does.
            legacy_type_system=True,
        )

    @answering(pb.ApplyResourceChange.Response)
    def ApplyResourceChange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        resource = self._configuration.resource(request.type_name)
        if planned is None:
            outcome = resource.delete(prior)
        elif prior is None:
            outcome = resource.create(planned)
        else:
            outcome = resource.update(prior, planned)
        return pb.ApplyResourceChange.Response(
            new_state=encode(outcome.values),
            private=request.planned_private,
            diagnostics=_said(outcome),
            legacy_type_system=True,
        )

    @answering(pb.ImportResourceState.Response)
    def ImportResourceState(self, request: Any, _context: Any) -> Any:  # noqa: N802
        outcome = self._configuration.resource(request.type_name).import_(request.id)
        found: list[Values] = [] if outcome.values is None else [outcome.values]
        return pb.ImportResourceState.Response(
            imported_resources=[
                pb.ImportResourceState.ImportedResource(
                    type_name=request.type_name, state=encode(values)
                )
                for values in found
            ],
            diagnostics=_said(outcome),
        )

    def GetFunctions(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return pb.GetFunctions.Response()

    def StopProvider(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        # terraform was interrupted. Calls in flight are finished: what they make must be known.
        return pb.StopProvider.Response()


def _said(outcome: Any) -> list[Any]:
    return [complaint(outcome.summary, outcome.detail)] if outcome.summary else []


class _Stopper(tf.runner._ShutdownInterceptor):  # type: ignore[misc]  # noqa: SLF001
    """Ends the process when terraform shuts it down, and not at StopProvider as `tf` does."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if details.method.endswith("/StopProvider"):
            return continuation(details)
        return super().intercept_service(continuation, details)


def add_to(server: Any, configuration: Configuration) -> None:
    """Have a server answer terraform."""
    rpc.add_ProviderServicer_to_server(Servicer(configuration), server)


def serve(configuration: Configuration) -> None:
    """Answer until terraform has had enough."""

    class App:
        """What `tf` wants of a provider, as far as this servicer uses it."""

        def full_name(self) -> str:
            return facts.PROVIDER

    tf.provider.ProviderServicer = lambda _app: Servicer(configuration)
    tf.runner._ShutdownInterceptor = _Stopper  # noqa: SLF001
    tf.runner.run_provider(App())
