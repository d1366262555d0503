package reconciler.rules.security.encryption_at_rest_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.encryption_at_rest as rule

test_deny_database if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"storage_encrypted": false})
}

test_deny_absent if {
	count(rule.violations) == 1 with input as t.one("aws_rds_cluster", {"engine": "aurora-postgresql"})
}

test_deny_volume if {
	count(rule.violations) == 1 with input as t.one("aws_ebs_volume", {"size": 10})
}

test_deny_file_system if {
	count(rule.violations) == 1 with input as t.one("aws_efs_file_system", {"encrypted": "false"})
}

test_deny_queue if {
	count(rule.violations) == 1 with input as t.one("aws_sqs_queue", {"sqs_managed_sse_enabled": false})
}

test_deny_topic if {
	count(rule.violations) == 1 with input as t.one("aws_sns_topic", {"name": "a"})
}

test_deny_root_device if {
	count(rule.violations) == 1 with input as t.one("aws_instance", {"root_block_device": [{"volume_size": 8}]})
}

test_deny_launch_template if {
	count(rule.violations) == 1 with input as t.one("aws_launch_template", {"block_device_mappings": [{"ebs": [{"encrypted": false}]}]})
}

test_allow_encrypted if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"storage_encrypted": true}), t.resource("aws_ebs_volume", {"encrypted": true}), t.resource("aws_sns_topic", {"kms_master_key_id": t.unknown("aws_kms_key.main.id")}), t.resource("aws_sqs_queue", {})])
}

test_allow_replica if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"replicate_source_db": t.unknown("aws_db_instance.main.arn")})
}

test_allow_unknown if {
	count(rule.violations) == 0 with input as t.one("aws_db_instance", {"storage_encrypted": t.unknown("local.encrypted")})
}
