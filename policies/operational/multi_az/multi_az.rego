# METADATA
# title: What others rely on stands in several zones
# description: >-
#   A zone fails now and then, and everything in it. The profile's `rules.multiAz` says
#   whether a track has to survive that.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html
# custom:
#   id: OPS003
#   severity: high
#   category: operational
#   fix: >-
#     Set `multi_az` to `true`, give a cluster two members or more, and a load balancer or a
#     group of machines subnets in two zones.
#   unknown: >-
#     A switch or a list that is not known is left alone.
package reconciler.rules.operational.multi_az

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

asked if lib.param("multiAz", true)

violations contains lib.violation({"message": "`multi_az` is not `true`", "at": resource}) if {
	asked
	some resource in tf.resources("aws_db_instance")
	not lib.given(resource.values, "replicate_source_db")
	lib.off(resource.values, "multi_az")
}

violations contains lib.violation({"message": message, "at": resource}) if {
	asked
	some resource in tf.resources("aws_elasticache_replication_group")
	some switch in ["multi_az_enabled", "automatic_failover_enabled"]
	lib.off(resource.values, switch)
	message := sprintf("`%s` is not `true`", [switch])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	asked
	some resource in tf.resources_of(["aws_lb", "aws_autoscaling_group"])
	some field in ["subnets", "vpc_zone_identifier"]
	is_array(resource.values[field])
	count(resource.values[field]) < 2
	message := sprintf("`%s` names fewer than two subnets", [field])
}
