output "service_url" {
  description = "Where the API answers"
  value       = aws_apigatewayv2_api.main.api_endpoint
}

output "alarm_prefix" {
  description = "All alarms of this environment begin with it"
  value       = "${local.name}/"
}

output "function_name" {
  description = "Lambda function behind the API"
  value       = aws_lambda_function.api.function_name
}

output "table_name" {
  description = "DynamoDB table of the demo"
  value       = aws_dynamodb_table.items.name
}
