# METADATA
# title: No provisioners
# description: >-
#   A provisioner runs a program of the source: `local-exec` on the machine that applies,
#   with its credentials.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/resources/provisioners/syntax
# custom:
#   id: COMP007
#   severity: critical
#   category: compliance
#   fix: >-
#     Take it away; let images, user data or a job of the pipeline do the work.
package reconciler.rules.compliance.allowed_provisioners

import data.reconciler.lib

violations contains lib.violation({"message": message, "at": provisioner}) if {
	some provisioner in input.terraform.provisioners
	not provisioner.type in lib.param("provisioners", [])
	message := sprintf("the provisioner `%s` is not in the allow-list", [provisioner.type])
}
