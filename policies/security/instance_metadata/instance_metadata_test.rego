package reconciler.rules.security.instance_metadata_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.instance_metadata as rule

test_deny_absent if {
	count(rule.violations) == 1 with input as t.one("aws_instance", {})
}

test_deny_optional if {
	count(rule.violations) == 1 with input as t.one("aws_launch_template", {"metadata_options": [{"http_tokens": "optional"}]})
}

test_allow_required if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"metadata_options": [{"http_tokens": "required"}]})
}

test_allow_switched_off if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"metadata_options": [{"http_endpoint": "disabled"}]})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"metadata_options": [{"http_tokens": t.unknown("var.tokens")}]})
}
