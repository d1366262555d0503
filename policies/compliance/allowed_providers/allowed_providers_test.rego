package reconciler.rules.compliance.allowed_providers_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.compliance.allowed_providers as rule

test_deny_other_provider if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "evil", "source": "someone/evil", "version": "1.0.0", "path": "main.tf", "line": 1}]})
}

test_deny_other_version if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.1", "path": "main.tf", "line": 1}]})
}

test_deny_range if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "~> 6.25", "path": "main.tf", "line": 1}]})
}

test_deny_no_version if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": null, "path": "main.tf", "line": 1}]})
}

test_deny_unknown if {
	count(rule.violations) == 1 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": t.unknown("var.v"), "path": "main.tf", "line": 1}]})
}

test_deny_without_a_list if {
	count(rule.violations) == 1 with input as json.patch(t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1}]}), [{"op": "remove", "path": "/profile/rules/providers"}])
}

test_allow_listed if {
	count(rule.violations) == 0 with input as t.terraform({"providers": [{"name": "aws", "source": "hashicorp/aws", "version": "6.25.0", "path": "main.tf", "line": 1}]})
}

test_allow_other_spelling if {
	count(rule.violations) == 0 with input as t.terraform({"providers": [{"name": "aws", "source": "registry.terraform.io/hashicorp/aws", "version": "= 6.25.0", "path": "main.tf", "line": 1}]})
}
