package reconciler.rules.compliance.required_tags_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.required_tags as rule

test_deny_no_tags if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {})
}

test_deny_one_missing if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"tags": {"owner": "team-web"}})
}

test_deny_half_defaults if {
	count(rule.violations) == 1 with input as t.terraform({"resources": [t.resource("aws_s3_bucket", {})], "providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"default_tags": [{"tags": {"owner": "a"}}]}}]})
}

test_allow_all_tags if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"tags": {"owner": "team-web", "environment": "shop"}})
}

test_allow_default_tags if {
	count(rule.violations) == 0 with input as t.terraform({"resources": [t.resource("aws_s3_bucket", {"tags": null})], "providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"default_tags": [{"tags": {"owner": "a", "environment": "b"}}]}}]})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"tags": t.unknown("local.tags")})
}

test_allow_what_is_not_tagged if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket_policy", {})
}
