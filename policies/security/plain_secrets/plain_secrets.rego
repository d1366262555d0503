# METADATA
# title: No secret stands in user data or a variable
# description: >-
#   User data and environment variables are shown in the console, in state and in logs. A
#   password there is read by many.
# related_resources:
#   - ref: https://docs.aws.amazon.com/secretsmanager/latest/userguide/intro.html
# custom:
#   id: SEC014
#   severity: critical
#   category: security
#   fix: >-
#     Keep it in Secrets Manager or Parameter Store, and name it by its ARN (`secrets` of a
#     container, `manage_master_user_password` of a database).
#   unknown: >-
#     An expression is no plain secret and is left alone; the secrets gate looks at what it
#     becomes.
package reconciler.rules.security.plain_secrets

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

# Of a name in small letters, its words joined by `_`.
secret_name := `(^|_)([a-z0-9]*(password|passwd|passphrase|secret|token|apikey|privatekey|accesskey)|(api|private|access)_key)[0-9]*(_|$)|(^|_)(db|database|user|root|admin|my|pg|sql|smtp|mail|redis)?pass[0-9]*(_id)?$|[a-z0-9]_?pwd[0-9]*(_id)?$`

secret_text := `(?i)((password|passwd|secret|token|api_?key)[\t ]*[=:][\t ]*["']?[^\s"'$<{]{6}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----)`

# Names that hold where a secret is, and not the secret.
reference := `_(arn|name|path|file|dir|url|uri|ttl)$`

# Names of what holds for secrets, where the value is a number, a duration or a switch.
setting := `_(policy|length|min|max|count|limit|size|age|days|hours|minutes|seconds|timeout|expiry|expires|expires_in|expiration|lifetime|rotation|enabled|disabled|required|version|attempts|retries)$`

setting_value := `(?i)^(true|false|yes|no|on|off|[0-9]{1,9}[smhd]?)$`

# Values that say where a secret is: an ARN of what keeps secrets, or one reference and no more.
pointer := `^(arn:aws[a-z-]*:(secretsmanager|ssm|kms):\S+|\$\{[^{}]*\})$`

# `databasePassword` and `DATABASE-PASSWORD` are `database_password`.
words(name) := lower(replace(regex.replace(
	regex.replace(name, `([a-z0-9])([A-Z])`, "${1}_${2}"),
	`([A-Z])([A-Z][a-z])`, "${1}_${2}",
), "-", "_"))

bad(name, value) if {
	is_string(name)
	is_string(value)
	trim_space(value) != ""
	said := words(name)
	regex.match(secret_name, said)
	not regex.match(reference, said)
	not regex.match(pointer, value)
	not sets(said, value)
}

sets(said, value) if {
	regex.match(setting, said)
	regex.match(setting_value, value)
}

variables contains {"at": resource, "name": name, "value": value} if {
	some resource in tf.resources("aws_lambda_function")
	some block in lib.blocks(resource.values, "environment")
	some name, value in lib.fields(block.variables)
}

variables contains {"at": resource, "name": one.name, "value": one.value} if {
	some resource in tf.resources("aws_ecs_task_definition")
	some container in containers(resource.values.container_definitions)
	some one in lib.blocks(container, "environment")
}

variables contains {"at": resource, "name": one.name, "value": one.value} if {
	some resource in tf.resources("aws_codebuild_project")
	some block in lib.blocks(resource.values, "environment")
	some one in lib.blocks(block, "environment_variable")
	lib.get(one, "type", "PLAINTEXT") == "PLAINTEXT"
}

containers(value) := json.unmarshal(value) if {
	is_string(value)
	json.is_valid(value)
	is_array(json.unmarshal(value))
}

containers(value) := value if is_array(value)

violations contains lib.violation({"message": message, "at": one.at}) if {
	some one in variables
	bad(one.name, one.value)
	message := sprintf("the variable `%s` holds a plain value", [one.name])
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_instance", "aws_launch_template", "aws_launch_configuration"])
	some field in ["user_data", "user_data_base64"]
	text := plain(field, resource.values[field])
	regex.match(secret_text, text)
	message := sprintf("`%s` holds something like a secret", [field])
}

plain("user_data", value) := value if is_string(value)

plain("user_data_base64", value) := base64.decode(value) if base64.is_valid(lib.text(value))

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_db_instance", "aws_rds_cluster", "aws_redshift_cluster", "aws_docdb_cluster"])
	some field in ["password", "master_password"]
	is_string(resource.values[field])
	message := sprintf("`%s` stands in the source", [field])
}
