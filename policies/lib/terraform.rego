# METADATA
# title: Terraform as data
# description: Resources by type, and who refers to whom.
package reconciler.lib.terraform

import data.reconciler.lib

# Where the resources of each type stand in the input. One walk serves all rules.
index[kind] contains position if {
	some position, resource in input.terraform.resources
	kind := resource.type
}

# All resources of a type.
resources(kind) := [input.terraform.resources[position] | some position in index[kind]]

# All resources of several types.
resources_of(kinds) := [input.terraform.resources[position] |
	some kind in kinds
	some position in index[kind]
]

# What a value names: the value itself, or the addresses in its expression. `[each.key]` and what
# follows an address are left out.
targets(value) := {value} if is_string(value)

targets(value) := {address |
	some address in regex.find_n(`[a-z][a-z0-9_]*\.[A-Za-z0-9_-]+`, lib.expression(value), -1)
} if {
	lib.unknown(value)
}

# The names by which others may refer to a resource.
names(resource) := {base(resource.address)} | {name |
	some field in ["id", "bucket", "name", "arn", "identifier"]
	name := resource.values[field]
	is_string(name)
}

# An address without its index.
base(address) := regex.replace(address, `\[[^\]]*\]$`, "")

# Everything that the given fields of these resources name.
named_by(found, field) := {name |
	some resource in found
	some name in targets(resource.values[field])
}

# Statements of an IAM or resource policy, each as an object. A policy that is not known has none,
# except where it names a policy document of the same source.
statements(value) := lib.blocks(json.unmarshal(value), "Statement") if {
	is_string(value)
	json.is_valid(value)
}

statements(value) := lib.blocks(value, "Statement") if {
	is_object(value)
	lib.known(value)
}

statements(value) := [statement |
	some document in input.terraform.data
	document.type == "aws_iam_policy_document"
	sprintf("data.%s", [trim_prefix(base(document.address), "data.")]) in data_targets(value)
	some block in lib.blocks(document.values, "statement")
	statement := {
		"Effect": lib.get(block, "effect", "Allow"),
		"Action": lib.get(block, "actions", []),
		"NotAction": lib.get(block, "not_actions", []),
		"Resource": lib.get(block, "resources", []),
		"Principal": [principal |
			some one in lib.blocks(block, "principals")
			some principal in lib.listed(lib.get(one, "identifiers", []))
		],
		"Condition": lib.blocks(block, "condition"),
	}
] if {
	lib.unknown(value)
}

data_targets(value) := {address |
	some address in regex.find_n(`data\.[a-z][a-z0-9_]*\.[A-Za-z0-9_-]+`, lib.expression(value), -1)
}

# Anybody at all.
anybody(statement) if "*" in lib.listed(statement.Principal)

anybody(statement) if {
	some inner in lib.fields(statement.Principal)
	"*" in lib.listed(inner)
}

# A statement that holds under no condition.
unconditional(statement) if lib.get(statement, "Condition", {}) in {{}, []}

# What a policy's field lists; one text counts as a list of one.
items(statement, field) := lib.listed(lib.get(statement, field, []))
