# METADATA
# title: Machines are of a family that the profile allows
# description: >-
#   Old and special families cost more for the same work. The profile's
#   `allowed.instanceFamilies` lists those to take; an empty list allows all.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-types.html
# custom:
#   id: COST003
#   severity: medium
#   category: cost
#   fix: >-
#     Take an instance class of an allowed family.
#   unknown: >-
#     A class that is not known is left alone.
package reconciler.rules.cost.instance_families

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

fields := {
	"aws_instance": "instance_type",
	"aws_launch_template": "instance_type",
	"aws_launch_configuration": "instance_type",
	"aws_db_instance": "instance_class",
	"aws_rds_cluster_instance": "instance_class",
	"aws_docdb_cluster_instance": "instance_class",
	"aws_elasticache_replication_group": "node_type",
	"aws_elasticache_cluster": "node_type",
}

allowed := {family | some family in input.profile.allowed.instanceFamilies}

# `db.t4g.medium`, `cache.t4g.micro` and `t4g.micro` are all of the family t4g.
family_of(class) := split(regex.replace(class, `^(db|cache)\.`, ""), ".")[0]

violations contains lib.violation({"message": message, "at": resource}) if {
	count(allowed) > 0
	some kind, field in fields
	some resource in tf.resources(kind)
	class := resource.values[field]
	is_string(class)
	class != "db.serverless"
	not family_of(class) in allowed
	message := sprintf("`%s` is of none of the families %s", [class, concat(", ", sort(allowed))])
}
