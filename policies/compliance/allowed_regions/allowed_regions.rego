# METADATA
# title: Everything is in a region that the profile allows
# description: >-
#   Data must stay where contracts and laws want it, and nobody looks for resources in a
#   region that is not used.
# related_resources:
#   - ref: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_examples_general.html
# custom:
#   id: COMP003
#   severity: high
#   category: compliance
#   fix: >-
#     Take a region of the profile's `allowed.regions`.
#   unknown: >-
#     A region that is not known is left alone; the environment's own is always known.
package reconciler.rules.compliance.allowed_regions

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

allowed := {region | some region in input.profile.allowed.regions}

violations contains lib.violation({"message": message}) if {
	not input.environment.region in allowed
	message := sprintf("the environment is in `%v`", [object.get(input.environment, "region", null)])
}

violations contains lib.violation({"message": message, "at": provider}) if {
	some provider in input.terraform.providers
	region := provider.values.region
	is_string(region)
	not region in allowed
	message := sprintf("a provider works in `%s`", [region])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in input.terraform.resources
	region := resource.values.region
	is_string(region)
	not region in allowed
	message := sprintf("a resource is in `%s`", [region])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources("aws_dynamodb_table")
	some replica in lib.blocks(resource.values, "replica")
	is_string(replica.region_name)
	not replica.region_name in allowed
	message := sprintf("a replica is in `%s`", [replica.region_name])
}
