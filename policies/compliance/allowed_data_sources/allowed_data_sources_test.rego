package reconciler.rules.compliance.allowed_data_sources_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.allowed_data_sources as rule

test_deny_external if {
	count(rule.violations) == 1 with input as t.terraform({"data": [{"type": "external", "name": "a", "address": "data.external.a", "path": "main.tf", "line": 1, "values": {}}]})
}

test_deny_http if {
	count(rule.violations) == 1 with input as t.terraform({"data": [{"type": "http", "name": "a", "address": "data.http.a", "path": "main.tf", "line": 1, "values": {}}]})
}

test_allow_listed if {
	count(rule.violations) == 0 with input as t.terraform({"data": [{"type": "aws_caller_identity", "name": "a", "address": "data.aws_caller_identity.a", "path": "main.tf", "line": 1, "values": {}}]})
}
