# METADATA
# title: Databases take encrypted connections only
# description: >-
#   A PostgreSQL database takes plain connections unless its parameter group forbids them.
# related_resources:
#   - ref: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
# custom:
#   id: SEC009
#   severity: medium
#   category: security
#   fix: >-
#     Set the parameter `rds.force_ssl` to `1` (MySQL: `require_secure_transport` to `ON`)
#     in the parameter group.
#   unknown: >-
#     A parameter whose value is not known is left alone. A parameter group that does not
#     name the parameter is held to the engine's default.
package reconciler.rules.security.database_tls

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

groups := ["aws_db_parameter_group", "aws_rds_cluster_parameter_group"]

wanted(family) := "rds.force_ssl" if contains(family, "postgres")

wanted(family) := "require_secure_transport" if contains(family, "mysql")

# PostgreSQL 15 and later refuse plain connections by default.
default_on(family) if {
	contains(family, "postgres")
	number := to_number(regex.find_n(`[0-9]{1,6}`, family, 1)[0])
	number >= 15
}

settings(resource, name) := [value |
	some parameter in lib.blocks(resource.values, "parameter")
	parameter.name == name
	value := lib.get(parameter, "value", "")
]

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(groups)
	is_string(resource.values.family)
	name := wanted(resource.values.family)
	some value in settings(resource, name)
	lib.known(value)
	not lower(sprintf("%v", [value])) in {"1", "on", "true"}
	message := sprintf("`%s` is `%v`", [name, value])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(groups)
	is_string(resource.values.family)
	name := wanted(resource.values.family)
	count(settings(resource, name)) == 0
	not default_on(resource.values.family)
	message := sprintf("`%s` is not set", [name])
}
