package reconciler.rules.security.plain_secrets_test

import data.reconciler.lib.testing as t
import data.reconciler.rules.security.plain_secrets as rule

test_deny_lambda if {
	count(rule.violations) == 1 with input as t.one("aws_lambda_function", {"environment": [{"variables": {"DB_PASSWORD": "correct-horse"}}]})
}

test_deny_container if {
	count(rule.violations) == 1 with input as t.one("aws_ecs_task_definition", {"container_definitions": `[{"name": "a", "environment": [{"name": "API_KEY", "value": "0123456789"}]}]`})
}

test_deny_build if {
	count(rule.violations) == 1 with input as t.one("aws_codebuild_project", {"environment": [{"environment_variable": [{"name": "TOKEN", "value": "0123456789"}]}]})
}

test_deny_user_data if {
	count(rule.violations) == 1 with input as t.one("aws_instance", {"user_data": "#!/bin/sh\nexport PASSWORD=correct-horse\n"})
}

test_deny_encoded_user_data if {
	count(rule.violations) == 1 with input as t.one("aws_launch_template", {"user_data_base64": base64.encode("token: correct-horse")})
}

test_deny_database_password if {
	count(rule.violations) == 1 with input as t.one("aws_db_instance", {"password": "correct-horse"})
}

test_allow_expression if {
	count(rule.violations) == 0 with input as t.with_resources([t.resource("aws_db_instance", {"password": t.unknown("random_password.main.result")}), t.resource("aws_lambda_function", {"environment": [{"variables": {"DB_PASSWORD": t.unknown("var.password")}}]})])
}

test_allow_reference if {
	count(rule.violations) == 0 with input as t.one("aws_lambda_function", {"environment": [{"variables": {"DB_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:a", "DB_SECRET": "arn:aws:x", "TOKEN_TTL": "60"}}]})
}

test_allow_plain_user_data if {
	count(rule.violations) == 0 with input as t.one("aws_instance", {"user_data": "#!/bin/sh\nyum update\n"})
}
