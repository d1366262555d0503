package reconciler.rules.security.public_policy_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.public_policy as rule

test_deny_star_in_text if {
	count(rule.violations) == 1 with input as t.one("aws_s3_bucket_policy", {"policy": `{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}`})
}

test_deny_star_in_object if {
	count(rule.violations) == 1 with input as t.one("aws_sqs_queue_policy", {"policy": {"Statement": {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "sqs:*"}}})
}

test_deny_policy_document if {
	count(rule.violations) == 1 with input as t.terraform({"resources": [t.resource("aws_s3_bucket_policy", {"policy": t.unknown("data.aws_iam_policy_document.open.json")})], "data": [{"type": "aws_iam_policy_document", "name": "open", "address": "data.aws_iam_policy_document.open", "path": "main.tf", "line": 9, "values": {"statement": [{"actions": ["s3:GetObject"], "principals": [{"type": "*", "identifiers": ["*"]}]}]}}]})
}

test_allow_with_condition if {
	count(rule.violations) == 0 with input as t.one("aws_sqs_queue_policy", {"policy": {"Statement": [{"Effect": "Allow", "Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:1:a"}}}]}})
}

test_allow_deny_statement if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket_policy", {"policy": {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*"}]}})
}

test_allow_one_account if {
	count(rule.violations) == 0 with input as t.one("aws_kms_key", {"policy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "kms:*", "Resource": "*"}]}})
}

test_allow_unknown_policy if {
	count(rule.violations) == 0 with input as t.one("aws_s3_bucket_policy", {"policy": t.unknown("var.policy")})
}
