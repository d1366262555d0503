"""Forges, pipelines, package registries and code tools."""

from typing import Final

from reconciler.core.secrets.rule import ALNUM, END, HEX, UUID, WORD, Rule, beside, shaped, token

_GITHUB: Final = "GitHub, settings, developer settings"
_GITLAB: Final = "GitLab, access tokens"

RULES: Final[tuple[Rule, ...]] = (
    # GitHub
    token(
        "github-token",
        "GitHub personal access token (classic)",
        "ghp_",
        f"{ALNUM}{{36}}",
        _GITHUB,
        severity="critical",
    ),
    token("github-oauth-token", "GitHub OAuth token", "gho_", f"{ALNUM}{{36}}", _GITHUB),
    token("github-user-token", "GitHub app user token", "ghu_", f"{ALNUM}{{36}}", _GITHUB),
    token("github-server-token", "GitHub app server token", "ghs_", f"{ALNUM}{{36}}", _GITHUB),
    token("github-refresh-token", "GitHub refresh token", "ghr_", f"{ALNUM}{{36,76}}", _GITHUB),
    token(
        "github-fine-grained-token",
        "GitHub fine-grained personal access token",
        "github_pat_",
        f"{ALNUM}{{22}}_{ALNUM}{{59}}",
        _GITHUB,
        severity="critical",
    ),
    # GitLab
    shaped(
        "gitlab-token",
        "GitLab personal, project or group access token",
        ("glpat-",),
        rf"(?P<secret>glpat-(?:{WORD}{{27,300}}\.[0-9a-z]{{2}}\.?[0-9a-z]{{7,9}}|{WORD}{{20}}))"
        r"(?:[^A-Za-z0-9_-]|$)",
        _GITLAB,
        severity="critical",
        shown=4,
    ),
    token("gitlab-deploy-token", "GitLab deploy token", "gldt-", f"{WORD}{{20}}", _GITLAB),
    token("gitlab-feed-token", "GitLab feed token", "glft-", f"{WORD}{{20,70}}", _GITLAB),
    token("gitlab-scim-token", "GitLab SCIM token", "glsoat-", f"{WORD}{{20}}", _GITLAB),
    token(
        "gitlab-runner-token",
        "GitLab runner authentication token",
        "glrt-",
        r"(?:t[0-9]_)?[A-Za-z0-9_.-]{20,60}",
        "GitLab, the runner: reset its token",
    ),
    token(
        "gitlab-runner-registration-token",
        "GitLab runner registration token",
        "GR1348941",
        f"{WORD}{{20}}",
        "GitLab, runners: reset the registration token",
    ),
    token(
        "gitlab-job-token",
        "GitLab CI job token",
        "glcbt-",
        rf"[0-9a-zA-Z]{{1,5}}_{WORD}{{20,60}}",
        "it ends with its job",
    ),
    token("gitlab-trigger-token", "GitLab trigger token", "glptt-", f"{HEX}{{40}}", _GITLAB),
    token("gitlab-mail-token", "GitLab incoming mail token", "glimt-", f"{WORD}{{25}}", _GITLAB),
    token("gitlab-agent-token", "GitLab agent token", "glagent-", f"{WORD}{{50,1000}}", _GITLAB),
    token("gitlab-oauth-secret", "GitLab OAuth secret", "gloas-", f"{WORD}{{64}}", _GITLAB),
    token("gitlab-flag-token", "GitLab feature flag token", "glffct-", f"{WORD}{{20}}", _GITLAB),
    # Atlassian
    token(
        "bitbucket-app-password",
        "Bitbucket app password",
        "ATBB",
        f"{ALNUM}{{32}}",
        "Bitbucket, personal settings, app passwords",
    ),
    token(
        "bitbucket-access-token",
        "Bitbucket repository access token",
        "ATCTT3xFf",
        "[A-Za-z0-9_=-]{150,250}",
        "Bitbucket, repository settings, access tokens",
        entropy=3.8,
        end="",
    ),
    token(
        "atlassian-api-token",
        "Atlassian API token",
        "ATATT3xFf",
        "[A-Za-z0-9_=-]{150,250}",
        "Atlassian account, security, API tokens",
        entropy=3.8,
        end="",
    ),
    beside(
        "gitea-token",
        "Gitea or Forgejo access token",
        ("gitea", "forgejo"),
        f"{HEX}{{40}}",
        "the forge's user settings, applications",
    ),
    shaped(
        "sourcegraph-token",
        "Sourcegraph access token",
        ("sgp_",),
        rf"(?P<secret>sgp_(?:(?:{HEX}{{16}}|local)_)?{HEX}{{40}}){END}",
        "Sourcegraph, access tokens",
        shown=4,
    ),
    # pipelines
    shaped(
        "circleci-token",
        "CircleCI API token",
        ("ccipat_", "cciprj_"),
        rf"(?P<secret>CCI(?:PAT|PRJ)_{ALNUM}{{22}}_{HEX}{{40}}){END}",
        "CircleCI, user or project settings, API tokens",
        shown=4,
    ),
    token("buildkite-token", "Buildkite API token", "bkua_", f"{HEX}{{40}}", "Buildkite, user"),
    beside(
        "jenkins-token",
        "Jenkins API token",
        ("jenkins",),
        f"11{HEX}{{32}}",
        "Jenkins, the user's security page",
    ),
    beside(
        "travis-token", "Travis CI token", ("travis",), f"{WORD}{{22}}", "Travis CI", entropy=3.5
    ),
    beside(
        "drone-token", "Drone CI token", ("drone",), f"{ALNUM}{{32}}", "Drone, user", entropy=3.5
    ),
    beside(
        "codecov-token", "Codecov upload token", ("codecov",), UUID, "Codecov, repository settings"
    ),
    shaped(
        "harness-token",
        "Harness API key",
        ("pat.", "sat."),
        rf"(?P<secret>[ps]at\.{WORD}{{22}}\.{HEX}{{24}}\.{ALNUM}{{20}}){END}",
        "Harness, my API keys",
        shown=4,
    ),
    token("octopus-key", "Octopus Deploy API key", "API-", "[A-Z0-9]{25,32}", "Octopus, profile"),
    token("prefect-key", "Prefect API key", ("pnu_", "pnb_"), f"{ALNUM}{{36}}", "Prefect, keys"),
    # package registries
    token(
        "npm-token",
        "npm access token",
        "npm_",
        f"{ALNUM}{{36}}",
        "npm, access tokens",
        severity="critical",
    ),
    shaped(
        "npmrc-auth-token",
        "registry token in an .npmrc",
        ("_authtoken",),
        rf"_authToken[ \t]*=[ \t]*[\"']?(?P<secret>{UUID}|[A-Za-z0-9+/_=-]{{32,200}}){END}",
        "the registry's access tokens",
        bounded=False,
    ),
    token(
        "pypi-token",
        "PyPI upload token",
        ("pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"),
        f"{WORD}{{50,1000}}",
        "PyPI, account settings, API tokens",
        severity="critical",
        entropy=3.8,
    ),
    token("rubygems-key", "RubyGems API key", "rubygems_", f"{HEX}{{48}}", "RubyGems, API keys"),
    token("crates-token", "crates.io token", "cio", f"{ALNUM}{{32}}", "crates.io, API tokens"),
    token("nuget-key", "NuGet API key", "oy2", "[a-z0-9]{43}", "NuGet, API keys", entropy=3.5),
    token(
        "docker-hub-token",
        "Docker Hub access token",
        ("dckr_pat_", "dckr_oat_"),
        f"{WORD}{{27,32}}",
        "Docker Hub, account settings, security",
        severity="critical",
    ),
    token("clojars-token", "Clojars token", "CLOJARS_", "[a-z0-9]{60}", "Clojars, tokens"),
    token(
        "artifactory-key",
        "JFrog Artifactory API key",
        "AKCp",
        f"{ALNUM}{{69}}",
        "Artifactory, user profile",
    ),
    token(
        "artifactory-reference-token",
        "JFrog reference token",
        "cmVmdGtu",
        f"{ALNUM}{{56}}",
        "JFrog, access tokens",
    ),
    shaped(
        "packagist-token",
        "Packagist token",
        ("packagist_",),
        rf"(?P<secret>packagist_[ou][ru]t_{HEX}{{68}}){END}",
        "Packagist, tokens",
        shown=4,
    ),
    # code tools
    shaped(
        "sonar-token",
        "SonarQube token",
        ("squ_", "sqp_", "sqa_"),
        rf"(?P<secret>sq[upa]_{HEX}{{40}}){END}",
        "SonarQube, my account, security",
        shown=4,
    ),
    beside("snyk-token", "Snyk API token", ("snyk",), UUID, "Snyk, account settings"),
    token("postman-key", "Postman API key", "PMAK-", f"{HEX}{{24}}-{HEX}{{34}}", "Postman, keys"),
    token("linear-key", "Linear API key", "lin_api_", f"{ALNUM}{{40}}", "Linear, API settings"),
)
