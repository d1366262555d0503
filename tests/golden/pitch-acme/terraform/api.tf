resource "aws_lambda_function" "api" {
  function_name = local.name
  role          = aws_iam_role.api.arn
  package_type  = "Image"
  image_uri     = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/demo/pitch-acme@sha256:2cabe86d05f4c30bce80678945914ca87315a16886b94125b61673a857902804"
  architectures = ["arm64"]
  memory_size   = local.limits.memory_mb
  timeout       = 10
  kms_key_arn   = aws_kms_key.main.arn

  reserved_concurrent_executions = local.limits.concurrency

  environment {
    variables = merge(local.environment_variables, {
      STAGE      = local.stage
      TABLE_NAME = aws_dynamodb_table.items.name
    })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.api.name
  }

  # Traces of callers are passed on; sampling of our own would need a permission
  # that cannot be limited to a resource.
  tracing_config {
    mode = "PassThrough"
  }

  depends_on = [aws_iam_role_policy.api]
}

locals {
  environment_variables = {}
}

resource "aws_iam_role" "api" {
  name = "${local.name}-api"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
    ]
  })
}

# What the function may do: its own log, its own table, and the key of both.
resource "aws_iam_role_policy" "api" {
  name = "api"
  role = aws_iam_role.api.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.api.arn}:log-stream:*"
      },
      {
        Effect = "Allow"
        Action = [
          "dynamodb:BatchGetItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:UpdateItem",
        ]
        Resource = aws_dynamodb_table.items.arn
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource = aws_kms_key.main.arn
      },
    ]
  })
}

resource "aws_apigatewayv2_api" "main" {
  name          = local.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "lambda" {
  api_id                 = aws_apigatewayv2_api.main.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.api.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "default" {
  api_id             = aws_apigatewayv2_api.main.id
  route_key          = "$default"
  authorization_type = "AWS_IAM"
  target             = "integrations/${aws_apigatewayv2_integration.lambda.id}"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.main.id
  name        = "$default"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId = "$context.requestId"
      ip        = "$context.identity.sourceIp"
      time      = "$context.requestTime"
      method    = "$context.httpMethod"
      path      = "$context.path"
      status    = "$context.status"
      latency   = "$context.responseLatency"
    })
  }

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = local.throttle_rate
    throttling_burst_limit   = local.throttle_rate * 2
  }
}

locals {
  throttle_rate = 20
}

# Only this API, its stage and its route may call the function.
resource "aws_lambda_permission" "api" {
  statement_id  = "allow-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.api.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.main.execution_arn}/$default/$default"
}
