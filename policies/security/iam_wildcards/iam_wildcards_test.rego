package reconciler.rules.security.iam_wildcards_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.iam_wildcards as rule

test_deny_admin if {
	count(rule.violations) == 1 with input as t.one("aws_iam_policy", {"policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}})
}

test_deny_whole_service if {
	count(rule.violations) == 1 with input as t.one("aws_iam_role_policy", {"policy": `{"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:*"], "Resource": ["*"]}]}`})
}

test_deny_not_action if {
	count(rule.violations) == 1 with input as t.one("aws_iam_policy", {"policy": {"Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "arn:aws:s3:::a"}]}})
}

test_deny_inline if {
	count(rule.violations) == 1 with input as t.one("aws_iam_role", {"inline_policy": [{"policy": {"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}}]})
}

test_deny_managed if {
	count(rule.violations) == 1 with input as t.one("aws_iam_role_policy_attachment", {"policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"})
}

test_allow_named if {
	count(rule.violations) == 0 with input as t.one("aws_iam_policy", {"policy": {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a/*"]}]}})
}

test_allow_deny_statement if {
	count(rule.violations) == 0 with input as t.one("aws_iam_policy", {"policy": {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_iam_policy", {"policy": t.unknown("jsonencode(local.policy)")})
}
