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
  # Pin this by digest (image@sha256:...) once you have chosen one.
  image: python:3.11-slim
  interruptible: true

validate:
  stage: check
  variables:
    GIT_DEPTH: "0"
  before_script:
    # Name the version that you have reviewed, from your own package registry if you have one.
    - pip install --quiet "reconciler==@VERSION@"
  script:
    - reconciler validate
    - reconciler render
    - base="${CI_MERGE_REQUEST_DIFF_BASE_SHA:-$CI_COMMIT_BEFORE_SHA}"
    - reconciler affected --base "$base" --head "$CI_COMMIT_SHA"
"""

_IGNORE = """\
# Terraform's working files and anything rendered by hand.
.terraform/
*.tfstate
*.tfstate.*
*.tfplan
/rendered/
"""


def starting_files(shipped: Iterable[tuple[str, bytes]], version: str) -> dict[str, bytes]:
    """Path -> bytes: the shipped files, and what an engineer's editor and forge need."""
    files = dict(shipped)
    files.update(
        {
            "README.md": _README.encode(),
            ".gitignore": _IGNORE.encode(),
            ".gitlab-ci.yml": _PIPELINE.replace("@VERSION@", version).encode(),
            ".vscode/settings.json": editor_settings("./schemas").encode(),
            "environments/.gitkeep": b"",
        }
    )
    files.update({f"schemas/{name}": content.encode() for name, content in schemas().items()})
    return files
