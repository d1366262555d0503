# METADATA
# title: Policies name actions and resources
# description: >-
#   `Action: *` on `Resource: *` makes whoever has the policy an administrator. A whole
#   service on everything is nearly as much.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html
# custom:
#   id: SEC010
#   severity: high
#   category: security
#   fix: >-
#     Write the actions that are used, and the ARNs that they are used on.
#   unknown: >-
#     Statements that are not known are left alone; Checkov and the plan see more.
package reconciler.rules.security.iam_wildcards

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

kinds := ["aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy"]

held := [{"at": resource, "statement": statement} |
	some resource in tf.resources_of(kinds)
	some statement in tf.statements(resource.values.policy)
]

inline := [{"at": resource, "statement": statement} |
	some resource in tf.resources("aws_iam_role")
	some block in lib.blocks(resource.values, "inline_policy")
	some statement in tf.statements(block.policy)
]

violations contains lib.violation({"message": message, "at": one.at}) if {
	some one in array.concat(held, inline)
	lib.get(one.statement, "Effect", "Allow") == "Allow"
	some action in tf.items(one.statement, "Action")
	regex.match(`^(\*|[a-z0-9-]+:\*|\*:\*)$`, lower(action))
	some resource in tf.items(one.statement, "Resource")
	resource == "*"
	message := sprintf("a statement allows `%s` on `*`", [action])
}

violations contains lib.violation({"message": "a statement allows everything but some actions (`NotAction`)", "at": one.at}) if {
	some one in array.concat(held, inline)
	lib.get(one.statement, "Effect", "Allow") == "Allow"
	count(tf.items(one.statement, "NotAction")) > 0
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment"])
	regex.match(`:policy/(AdministratorAccess|PowerUserAccess|IAMFullAccess)$`, lib.text(resource.values.policy_arn))
	message := sprintf("`%s` is attached", [resource.values.policy_arn])
}
