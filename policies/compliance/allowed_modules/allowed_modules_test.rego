package reconciler.rules.compliance.allowed_modules_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.allowed_modules as rule

test_deny_registry if {
	count(rule.violations) == 1 with input as t.terraform({"modules": [{"name": "vpc", "source": "terraform-aws-modules/vpc/aws", "path": "main.tf", "line": 1}]})
}

test_deny_traversal if {
	count(rule.violations) == 1 with input as t.terraform({"modules": [{"name": "a", "source": "./modules/../../other", "path": "main.tf", "line": 1}]})
}

test_deny_unknown if {
	count(rule.violations) == 1 with input as t.terraform({"modules": [{"name": "a", "source": t.unknown("var.source"), "path": "main.tf", "line": 1}]})
}

test_deny_no_source if {
	count(rule.violations) == 1 with input as t.terraform({"modules": [{"name": "a", "path": "main.tf", "line": 1}]})
}

test_allow_listed if {
	count(rule.violations) == 0 with input as t.terraform({"modules": [{"name": "a", "source": "./modules/network", "path": "main.tf", "line": 1}]})
}
