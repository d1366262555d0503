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
# Checks every commit. What is applied is decided by the controller, not by this pipeline.
stages: [check]

workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH

default:
  # Put your own here: an image that you built from a reviewed version of reconciler, by digest.
  # This name exists nowhere, so the pipeline fails until you do. Nothing is installed by name from
  # a public index: anybody could own that name.
  image: registry.example.com/put-your-own/reconciler@sha256:@NOTHING@
  interruptible: true

variables:
  GIT_DEPTH: "0"

validate:
  stage: check
  script:
    - reconciler validate
    - reconciler render

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
