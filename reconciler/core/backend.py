"""Where Terraform keeps an environment's state, as a file beside the rendered source. Pure.

It never holds a credential: those come through the process environment.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.model.settings import STATE_ADDRESS, HttpState, LocalState, PgState, S3State

FILE: Final = "reconciler_backend.tf.json"
"""Ours alone: a rendered file of this ending is refused by the gates."""

State = LocalState | S3State | HttpState | PgState


def backend(state: State, environment: str, local: Path) -> dict[str, Any]:
    """The block's name and fields. `local`: where local state lies."""
    match state:
        case LocalState():
            return {"local": {"path": str(local / f"{environment}.tfstate")}}
        case S3State():
            fields = {
                "bucket": state.bucket,
                "key": f"{state.prefix}/{environment}.tfstate",
                "region": state.region,
                "use_lockfile": True,
                "encrypt": True,
            }
            return {"s3": fields | ({"kms_key_id": state.kms_key} if state.kms_key else {})}
        case HttpState():
            address = f"{state_server(state).rstrip('/')}/{environment}"
            return {
                "http": {
                    "address": address,
                    "lock_address": f"{address}/lock",
                    "unlock_address": f"{address}/lock",
                    "lock_method": "POST",
                    "unlock_method": "DELETE",
                }
            }
        case PgState():
            return {"pg": {"schema_name": "reconciler_" + environment.replace("-", "_")}}


def state_server(state: HttpState) -> str:
    """Where states are kept; refused when the token for it could be read on the way."""
    if not re.fullmatch(STATE_ADDRESS, state.address):
        raise ReconcilerError(
            "clear-text",
            f"the state server {state.address} is not asked by https://,"
            " so anybody on the way could read its token and the states",
            hint="name it with https:// as `state.address` in reconciler.yaml;"
            " http:// is for a server on this machine alone",
        )
    return state.address


def backend_file(fields: dict[str, Any]) -> bytes:
    """The file's bytes."""
    return json.dumps({"terraform": {"backend": fields}}, indent=2, sort_keys=True).encode()
