"""Everything that a new environments repository begins with."""

from collections.abc import Iterable

from reconciler.app.schema import editor_settings, schemas

_README = """\
# Environments

Every environment of this organisation, as documents. A merge request changes one; what is merged is
what runs.

| folder | what stands there |
|---|---|
| `environments/` | one document for each environment |
| `profiles/tracks/` | what each track allows and asks for |
| `profiles/teams/`, `profiles/agents/` | who may do what |
| `templates/` | the blueprints that environments are built from |
| `policies/waivers/` | exceptions, each with an owner, a reason and an end |
| `reconciler.yaml` | how this repository is watched, judged and applied |

```
reconciler list
reconciler new --track demo --name hello --owner team-sales --set image=...
reconciler validate
reconciler check
```

The teams, accounts and addresses here are samples (`example.com`): put your own in first.
"""

_PIPELINE = """\
# Judges every change, plans what it touches, and applies what was merged.
#
# It runs what it says, and a merge request can change what it says. So keep it in a project of its
# own, and name it in Settings > CI/CD > General pipelines > CI/CD configuration file:
#     .gitlab-ci.yml@group/pipelines:main
# docs/gitlab.md has the steps. An `include` here would protect nothing.
stages: [check, plan, deliver]

workflow:
  # One pipeline for a merge request, one for the default branch, never two for one push.
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH

variables:
  GIT_DEPTH: "0"
  # Put your own here: an image that you built from a reviewed version of reconciler, by digest.
  # This name exists nowhere, so the pipeline fails until you do. Nothing is installed by name from
  # a public index: anybody could own that name.
  RECONCILER_IMAGE: registry.example.com/put-your-own/reconciler@sha256:@NOTHING@
  # Whom the roles in AWS trust: the audience of their OIDC provider.
  AWS_AUDIENCE: $CI_SERVER_URL
  # Nobody but the jobs of one pipeline reads what it kept.
  RECONCILER_CACHE_DIR: none

default:
  image: $RECONCILER_IMAGE
  interruptible: true
  timeout: 30 minutes

# -- no credentials: nothing here is planned -----------------------------------------------------

validate:
  stage: check
  script:
    - reconciler validate
    - reconciler render

# Every commit of the change, also what a later one took out again. First, since it is soon done.
secrets:
  stage: check
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - git fetch --quiet origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
    - head=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$CI_COMMIT_SHA}
    - reconciler scan --range "FETCH_HEAD..$head"

# One verdict for each environment that a change touches; on the default branch for all of them.
# 11 is no failure: the change waits for people. Denied (10) and indeterminate (13) fail.
.check:
  stage: check
  script:
    # Nothing when the image has it already.
    - reconciler tools install
    - git fetch --quiet origin "${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-$CI_DEFAULT_BRANCH}"
    # In a pipeline of merged results $CI_COMMIT_SHA is a commit of the forge's, not of the change.
    - head=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$CI_COMMIT_SHA}
    - >-
      reconciler check $RANGE --head "$head"
      --report markdown=reports/check.md
      --report sarif=reports/check.sarif
      --report junit=reports/check-junit.xml
      --report gitlab-codequality=reports/check-codequality.json
      --report gitlab-secret=reports/check-secrets.json
  artifacts:
    when: always
    expire_in: 1 week
    paths: [reports/]
    reports:
      junit: reports/check-junit.xml
      codequality: reports/check-codequality.json
  allow_failure:
    exit_codes: [11]

check-change:
  extends: .check
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      variables:
        RANGE: --base FETCH_HEAD
  artifacts:
    reports:
      secret_detection: reports/check-secrets.json

check-all:
  extends: .check
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      variables:
        RANGE: --all

# -- credentials that only read ------------------------------------------------------------------

# What Terraform would do, for each environment of the change: after the gates let it through, and
# never for a fork. The token is for the role that reads (`aws.planRole`); the role that changes
# things does not trust a merge request. The jobs have no other secret.
plan:
  stage: plan
  needs: [validate, secrets, check-change]
  rules:
    - if: $CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_PROJECT_ID
      when: never
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  id_tokens:
    AWS_ID_TOKEN:
      aud: $AWS_AUDIENCE
  script:
    - reconciler tools install
    - target=$CI_MERGE_REQUEST_TARGET_BRANCH_NAME
    - git fetch --quiet origin "+refs/heads/$target:refs/remotes/origin/$target"
    - base=$(git rev-parse FETCH_HEAD)
    - head=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$CI_COMMIT_SHA}
    - began=$(git merge-base "$base" "$head")
    - mkdir -p reports
    - reconciler affected --base "$began" --head "$head" --format names > reports/names
    - |
      worst=0
      while read -r name; do
        code=0
        report=terraform=reports/plan-$name.json
        reconciler plan "$name" --rev "$head" --report "$report" < /dev/null || code=$?
        # 11 waits for people; a denial, no verdict or a failure is worse.
        case $code in
          0) ;;
          11) test "$worst" -ne 0 || worst=11 ;;
          *) worst=1 ;;
        esac
      done < reports/names
      exit "$worst"
  artifacts:
    when: always
    expire_in: 1 week
    reports:
      terraform: reports/plan-*.json
  allow_failure:
    exit_codes: [11]

# -- credentials that change things: the protected default branch, and nothing else --------------

# Which environments the push changed, and a job for each.
applies:
  stage: deliver
  # What is broken elsewhere stops no other environment: each apply judges its own again.
  needs: []
  rules: &delivering
    - if: $CI_COMMIT_REF_PROTECTED != "true"
      when: never
    # A controller applies by itself: then set RECONCILER_APPLY to "controller".
    - if: $RECONCILER_APPLY == "controller"
      when: never
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  script:
    - mkdir -p reports
    # Zeros where GitLab does not know what was there before, such as in a scheduled pipeline.
    - base=$CI_COMMIT_BEFORE_SHA
    - |
      case $base in
        *[!0]*) ;;
        *) base=$(git rev-list --max-parents=0 HEAD | tail -n 1) ;;
      esac
    - >-
      reconciler affected --base "$base" --head "$CI_COMMIT_SHA" --format gitlab-apply
      > reports/apply.yml
  artifacts:
    expire_in: 1 week
    paths: [reports/apply.yml]

# Each environment has a resource group of its own; this one keeps pushes in their order.
apply:
  stage: deliver
  needs: [applies]
  rules: *delivering
  interruptible: false
  resource_group: production
  trigger:
    strategy: depend
    include:
      - artifact: reports/apply.yml
        job: applies
"""

_IGNORE = """\
# Reports, Terraform's working files and anything rendered by hand.
/reports/
.terraform/
*.tfstate
*.tfstate.*
*.tfplan
/rendered/
"""


def starting_files(shipped: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Path -> bytes: the shipped files, and what an engineer's editor and forge need."""
    files = dict(shipped)
    files.update(
        {
            "README.md": _README.encode(),
            ".gitignore": _IGNORE.encode(),
            ".gitlab-ci.yml": _PIPELINE.replace("@NOTHING@", "0" * 64).encode(),
            ".vscode/settings.json": editor_settings("./schemas").encode(),
            "environments/.gitkeep": b"",
        }
    )
    files.update({f"schemas/{name}": content.encode() for name, content in schemas().items()})
    return files
