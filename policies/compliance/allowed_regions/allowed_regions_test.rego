package reconciler.rules.compliance.allowed_regions_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.allowed_regions as rule

test_deny_environment if {
	count(rule.violations) == 1 with input as t.environment({"region": "us-east-1"})
}

test_deny_provider if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1, "values": {"region": "us-east-1"}}]})
}

test_deny_resource if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket", {"region": "ap-south-1"})
}

test_deny_replica if {
	count(rule.violations) == 1 with input as t.one("aws_dynamodb_table", {"replica": [{"region_name": "us-west-2"}]})
}

test_allow_allowed if {
	count(rule.violations) == 0 with input as t.environment({"region": "eu-west-1"})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket", {"region": t.unknown("local.region")})
}
