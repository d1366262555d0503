# METADATA
# title: What holds data is backed up
# description: >-
#   Without backups a mistake in one query, or one in a plan, is for ever. The profile's
#   `rules.backupDays` says how long they are kept.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
# custom:
#   id: OPS001
#   severity: high
#   category: operational
#   fix: >-
#     Set `backup_retention_period` to what the profile asks for; switch point-in-time
#     recovery on for tables, versioning for buckets.
#   unknown: >-
#     A number or switch that is not known is left alone.
package reconciler.rules.operational.backups

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

days := lib.param("backupDays", 35)

violations contains lib.violation({"message": message, "at": resource}) if {
	days > 0
	some resource in tf.resources_of(["aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster"])
	not lib.given(resource.values, "replicate_source_db")
	kept := lib.number(object.get(resource.values, "backup_retention_period", 1))
	kept < days
	message := sprintf("backups are kept for %v days, the profile asks for %v", [kept, days])
}

violations contains lib.violation({"message": "there is no point-in-time recovery", "at": resource}) if {
	days > 0
	some resource in tf.resources("aws_dynamodb_table")
	not lib.more_blocks(resource.values, "point_in_time_recovery")
	count([block |
		some block in lib.blocks(resource.values, "point_in_time_recovery")
		not lib.off(block, "enabled")
	]) == 0
}

violations contains lib.violation({"message": "`backup_policy` is not enabled", "at": resource}) if {
	days > 0
	some resource in tf.resources("aws_efs_backup_policy")
	some block in lib.blocks(resource.values, "backup_policy")
	block.status == "DISABLED"
}
