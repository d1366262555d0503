"""What this process takes from its environment. Nothing else reads it."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """`RECONCILER_*` variables; what belongs to a repository stands in `reconciler.yaml`."""

    model_config = SettingsConfigDict(env_prefix="RECONCILER_", frozen=True, extra="ignore")

    cache_dir: Path | None = None
    """Where results are kept; `none` keeps nothing."""
    xdg_cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    jobs: int = Field(default=0, ge=0, le=64)
    """Processes for rendering many environments; 0 = one for each core."""
    render_seconds: float = Field(default=10, gt=0, le=600)
    """How long rendering one environment may take."""

    secret_key: SecretStr | None = None
    """The key of fingerprints of secrets; without one it is derived from the first commit."""

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
