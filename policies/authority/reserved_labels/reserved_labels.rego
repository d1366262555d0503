# METADATA
# title: Labels do not speak for the reconciler
# description: >-
#   Tags such as `managed-by` and `owner` are what the reconciler knows its resources by. A
#   label of that name pretends to an owner or a stage that nobody has approved.
# related_resources:
#   - ref: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
# custom:
#   id: AUTH002
#   severity: medium
#   category: authority
#   fix: >-
#     Give the label another name; the reconciler writes these tags itself.
package reconciler.rules.authority.reserved_labels

import data.reconciler.lib

reserved := {"managed-by", "environment", "track", "stage", "owner", "cost-centre", "blueprint", "blueprint-version", "expires-after"}

violations contains lib.violation({"message": message}) if {
	some label, _ in input.environment.labels
	label in reserved
	message := sprintf("the label `%s` is reserved", [label])
}

violations contains lib.violation({"message": message}) if {
	some label, _ in input.environment.labels
	startswith(label, "aws:")
	message := sprintf("labels that begin with `aws:` belong to AWS: `%s`", [label])
}
