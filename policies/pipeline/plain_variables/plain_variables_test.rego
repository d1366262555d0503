package reconciler.rules.pipeline.plain_variables_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.plain_variables as rule

test_deny_password if {
	count(rule.violations) == 1 with input as t.jobs({"deploy": {"variables": {"DB_PASSWORD": "correct-horse"}}})
}

test_deny_global_token if {
	count(rule.violations) == 1 with input as t.raw({"variables": {"API_TOKEN": {"value": "0123456789", "description": "a"}}})
}

test_deny_known_form if {
	count(rule.violations) == 1 with input as t.jobs({"deploy": {"variables": {"AWS": concat("", ["AKIA", "ABCDEFGHIJKLMNOP"])}}})
}

test_allow_reference if {
	count(rule.violations) == 0 with input as t.jobs({"deploy": {"variables": {"TF_HTTP_PASSWORD": "$CI_JOB_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE": "/tmp/token", "TOKEN_URL": "https://example.com"}}})
}

test_allow_plain_values if {
	count(rule.violations) == 0 with input as t.jobs({"deploy": {"variables": {"TF_IN_AUTOMATION": "true", "REGION": "eu-central-1"}}})
}
