package reconciler.rules.pipeline.unprotected_apply_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.pipeline.unprotected_apply as rule

test_deny_no_rules if {
	count(rule.violations) == 1 with input as t.jobs({"apply": {"script": ["terraform apply -auto-approve"]}})
}

test_deny_merge_requests if {
	count(rule.violations) == 1 with input as t.jobs({"apply": {"script": ["tofu -chdir=a apply"], "rules": [{"if": "$CI_MERGE_REQUEST_IID"}]}})
}

test_deny_one_open_alternative if {
	count(rule.violations) == 1 with input as t.jobs({"destroy": {"script": ["terraform destroy"], "rules": [{"if": "$CI_COMMIT_REF_PROTECTED == \"true\" || $FORCE"}]}})
}

test_deny_rule_without_condition if {
	count(rule.violations) == 1 with input as t.jobs({"apply": {"script": ["terraform apply"], "rules": [{"if": "$CI_COMMIT_REF_PROTECTED == \"true\""}, {"when": "manual"}]}})
}

test_allow_protected if {
	count(rule.violations) == 0 with input as t.jobs({"apply": {"script": ["terraform apply plan.bin"], "rules": [{"if": "$CI_MERGE_REQUEST_IID", "when": "never"}, {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_COMMIT_REF_PROTECTED == \"true\""}]}})
}

test_allow_plan if {
	count(rule.violations) == 0 with input as t.jobs({"plan": {"script": ["terraform plan -out=plan.bin", "echo apply later"]}})
}
