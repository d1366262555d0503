# METADATA
# title: Logs are kept as long as the profile asks for, and not for ever
# description: >-
#   Logs that are gone cannot explain an incident; logs that are kept for ever cost more
#   each month. The profile's `rules.logDays` says the least.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html
# custom:
#   id: OPS004
#   severity: medium
#   category: operational
#   fix: >-
#     Set `retention_in_days` to at least what the profile asks for.
#   unknown: >-
#     A number that is not known is left alone.
package reconciler.rules.operational.log_retention

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

days := lib.param("logDays", 365)

said(1) := "1 day"

said(number) := sprintf("%v days", [number]) if number != 1

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources("aws_cloudwatch_log_group")
	kept := lib.number(object.get(resource.values, "retention_in_days", null))
	kept > 0
	kept < days
	message := sprintf("logs are kept for %s, the profile asks for %v", [said(kept), days])
}

violations contains lib.violation({"message": "logs are kept for ever: `retention_in_days` is absent", "at": resource}) if {
	some resource in tf.resources("aws_cloudwatch_log_group")
	object.get(resource.values, "retention_in_days", null) in {null, 0}
}
