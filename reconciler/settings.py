"""What this process takes from its environment. Nothing else reads it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """`RECONCILER_*` variables; what belongs to a repository stands in `reconciler.yaml`."""

    model_config = SettingsConfigDict(
        env_prefix="RECONCILER_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    cache_dir: Path | None = None
    """Where results are kept; `none` keeps nothing."""
    xdg_cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    tools_dir: Path | None = None
    """Where tools are installed."""
    xdg_data_home: Path | None = Field(default=None, validation_alias="XDG_DATA_HOME")
    state_dir: Path | None = None
    """Where runs and local states are kept."""
    xdg_state_home: Path | None = Field(default=None, validation_alias="XDG_STATE_HOME")
    jobs: int = Field(default=0, ge=0, le=64)
    """Processes for rendering many environments; 0 = one for each core."""
    render_seconds: float = Field(default=10, gt=0, le=600)
    """How long rendering one environment may take."""

    scan_seconds: float = Field(default=30, gt=0, le=3600)
    """How long scanning one environment with Checkov may take."""

    plan_seconds: float = Field(default=1800, gt=0, le=86400)
    """How long planning one environment may take."""

    plan_megabytes: int = Field(default=4096, ge=64, le=1048576)
    """How much memory planning one environment may take, with its providers."""

    apply_seconds: float = Field(default=7200, gt=0, le=86400)
    """How long applying one environment may take; then it is asked to stop, and waited for."""

    lock_seconds: int = Field(default=30, ge=0, le=86400)
    """How long to wait for somebody else who works on the same environment or state."""

    stop_seconds: int = Field(default=60, ge=0, le=86400)
    """How long a controller that is told to end lets what runs go on before it asks it to end."""

    actor_name: str = Field(
        default="", validation_alias=AliasChoices("RECONCILER_ACTOR_NAME", "GITLAB_USER_NAME")
    )
    """Who does it, for records; by default whom git names."""

    actor_email: str = Field(
        default="", validation_alias=AliasChoices("RECONCILER_ACTOR_EMAIL", "GITLAB_USER_EMAIL")
    )
    """Their address."""

    actor_id: int | None = Field(
        default=None, validation_alias=AliasChoices("RECONCILER_ACTOR_ID", "GITLAB_USER_ID")
    )
    """Their numeric id at the forge."""

    job_url: str = Field(default="", validation_alias="CI_JOB_URL")
    """Where GitLab shows the job that this runs in."""

    task: str = ""
    """What an agent was asked to do, by its own number."""

    signing_key: Path | None = None
    """The file of the SSH private key that records are signed with."""

    signing_passphrase: SecretStr | None = None
    """That key's passphrase."""

    git_token: SecretStr | None = None
    """What proves to the remote of records who we are, over HTTPS."""

    secret_key: SecretStr | None = None
    """The key of fingerprints of secrets; without one it is derived from the first commit."""

    otlp_endpoint: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s@]+)?$")] = ""
    """Where traces are sent, by OTLP/HTTP; empty: nowhere."""

    otlp_headers: SecretStr | None = None
    """What proves to it who we are: `name=value`, separated by commas."""

    smtp_host: str = ""
    """The server that takes mail."""

    smtp_port: int = Field(default=587, gt=0, le=65535)
    """Its port."""

    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    """How it is spoken to; none: in the clear, on this machine only."""

    smtp_from: str = ""
    """Whom mail is from."""

    smtp_user: str = ""
    """As whom we log in; empty: we do not."""

    smtp_password: SecretStr | None = None
    """That user's password."""

    def tools_folder(self) -> Path | None:
        """Where tools are installed, or None when no folder is known."""
        if self.tools_dir is not None:
            return self.tools_dir
        if self.xdg_data_home is not None and self.xdg_data_home.is_absolute():
            return self.xdg_data_home / "reconciler" / "tools"
        try:
            return Path.home() / ".local" / "share" / "reconciler" / "tools"
        except RuntimeError:
            return None

    def state_folder(self) -> Path:
        """Where runs and local states are kept."""
        if self.state_dir is not None:
            return self.state_dir
        if self.xdg_state_home is not None and self.xdg_state_home.is_absolute():
            return self.xdg_state_home / "reconciler"
        try:
            return Path.home() / ".local" / "state" / "reconciler"
        except RuntimeError:
            return Path(".reconciler")

    def cache_folder(self) -> Path | None:
        """Where results are kept, or None for nowhere."""
        if self.cache_dir is not None:
            return None if str(self.cache_dir) in ("none", "") else self.cache_dir
        if self.xdg_cache_home is not None and self.xdg_cache_home.is_absolute():
            return self.xdg_cache_home / "reconciler"
        try:
            return Path.home() / ".cache" / "reconciler"
        except RuntimeError:
            return None


OPTIONS = {
    "RECONCILER_REPO": "--repo",
    "RECONCILER_FORMAT": "--format",
    "RECONCILER_SANDBOX": "--sandbox",
    "RECONCILER_QUIET": "--quiet",
    "RECONCILER_VERBOSE": "--verbose",
    "RECONCILER_LOG_JSON": "--log-json",
}
"""The variables of the options that many commands have."""

_ELSEWHERE = frozenset(
    {
        "RECONCILER_APPLY",  # of the pipeline that `init` writes
        "RECONCILER_ID_TOKEN",
        "RECONCILER_IMAGE",
        "RECONCILER_SANDBOX_ACCOUNT",  # of the sandbox's provider
        "RECONCILER_SANDBOX_FAULTS",
    }
)


def variables_known() -> frozenset[str]:
    """Every variable of ours that means something."""
    found = set(OPTIONS) | _ELSEWHERE
    for name, field in ProcessSettings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            found |= {str(one) for one in alias.choices}
        else:
            found.add(str(alias or f"RECONCILER_{name.upper()}"))
    return frozenset(found)


def variables_set() -> tuple[str, ...]:
    """The names of those of our variables that this process was given; never what they hold."""
    return tuple(sorted(name for name in os.environ if name.startswith("RECONCILER_")))


_AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
_AWS_FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials",
    "AWS_CONFIG_FILE": ".aws/config",
}


def aws_credentials() -> str:
    """Where this process would find credentials of AWS; empty: nowhere but on an instance."""
    for name in _AWS_VARIABLES:
        if os.environ.get(name):
            return name
    for name, usual in _AWS_FILES.items():
        try:
            file = Path(os.environ.get(name) or Path.home() / usual)
        except RuntimeError:
            continue
        if file.is_file():
            return str(file)
    return ""


_FOR_INSTALLERS = (
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "NETRC",
    "NO_PROXY",
    "PATH",
    "PIP_CACHE_DIR",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TRUSTED_HOST",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)


_NETWORK = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE")


def network_environment() -> dict[str, str]:
    """How the network is reached: proxies and authorities, in both spellings."""
    names = [*_NETWORK, *(name.lower() for name in _NETWORK if name.endswith("_PROXY"))]
    return {name: os.environ[name] for name in names if name in os.environ}


def secret_of(name: str) -> str | None:
    """The value of a variable that `reconciler.yaml` names; it is handed on and never shown.

    Without the line's end that a file of it mostly has: no header takes one, and libraries show
    what they do not take.
    """
    value = os.environ.get(name)
    return value.strip() if value is not None else None


def environment_without_ours() -> dict[str, str]:
    """This process's environment, without what says who we are, where, and how we work.

    What is installed and kept for this machine stays.
    """
    stays = ("RECONCILER_CACHE_DIR", "RECONCILER_TOOLS_DIR", "RECONCILER_JOBS")
    ours = ("RECONCILER_", "GITLAB_USER_", "CI_", "AWS_")
    return {
        name: value
        for name, value in os.environ.items()
        if name in stays or not name.startswith(ours)
    }


def whole_environment() -> dict[str, str]:
    """This process's environment: for a process that is to be what this one is."""
    return dict(os.environ)


def become(environment: Mapping[str, str]) -> None:
    """Take another environment: for a process that was split off to be somebody else's."""
    os.environ.clear()
    os.environ.update(environment)


def installers_environment() -> dict[str, str]:
    """What a package installer may know of this process: where to fetch from, no more."""
    found = {name: os.environ[name] for name in _FOR_INSTALLERS if name in os.environ}
    lower = [name.lower() for name in _FOR_INSTALLERS if name.endswith("_PROXY")]
    return found | {name: os.environ[name] for name in lower if name in os.environ}
