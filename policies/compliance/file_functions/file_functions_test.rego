package reconciler.rules.compliance.file_functions_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.file_functions as rule

test_deny_file if {
	count(rule.violations) == 1 with input as t.terraform({"functions": [{"name": "file", "path": "main.tf", "line": 4}]})
}

test_allow_listed if {
	count(rule.violations) == 0 with input as t.terraform({"functions": [{"name": "templatefile", "path": "main.tf", "line": 4}]})
}

test_allow_others if {
	count(rule.violations) == 0 with input as t.terraform({"functions": [{"name": "jsonencode", "path": "main.tf", "line": 4}]})
}
