package reconciler.rules.security.customer_keys_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.customer_keys as rule

test_deny_database if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"storage_encrypted": true})
}

test_deny_log_group if {
	count(rule.violations) == 1 with input as t.one("aws_cloudwatch_log_group", {"kms_key_id": null})
}

test_deny_table if {
	count(rule.violations) == 1 with input as t.one("aws_dynamodb_table", {"server_side_encryption": [{"enabled": true}]})
}

test_allow_own_key if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"kms_key_id": t.unknown("aws_kms_key.main.arn")}), t.resource("aws_dynamodb_table", {"server_side_encryption": [{"enabled": true, "kms_key_arn": t.unknown("aws_kms_key.main.arn")}]})])
}

test_allow_where_not_asked_for if {
	count(rule.violations) == 0 with input as object.union(t.one("aws_db_instance", {}), {"profile": {"rules": {"customerKeys": false}}})
}
