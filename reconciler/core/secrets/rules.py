"""All rules, in the order of their say: where two find the same text, the earlier one keeps it."""

from typing import Final

from reconciler.core.secrets import cloud, forge, general, services
from reconciler.core.secrets.rule import Rule

FAMILIES: Final[tuple[tuple[str, tuple[Rule, ...]], ...]] = (
    ("Clouds, infrastructure and monitoring", cloud.RULES),
    ("Forges, pipelines and registries", forge.RULES),
    ("Chat", services.CHAT),
    ("Mail and messages", services.MAIL),
    ("Payment and trade", services.PAYMENT),
    ("Models", services.MODELS),
    ("Other services", services.SERVICES),
    ("Private keys", general.KEYS),
    ("Tokens and hashes in files", general.TOKENS),
    ("Databases and other addresses", general.URLS),
    ("Guesses (advice only)", general.GUESSES),
)
RULES: Final[tuple[Rule, ...]] = tuple(rule for _, family in FAMILIES for rule in family)
BY_ID: Final[dict[str, Rule]] = {rule.id: rule for rule in RULES}
