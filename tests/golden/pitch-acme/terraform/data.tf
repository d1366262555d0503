# On-demand billing: an idle table costs only its storage.
resource "aws_dynamodb_table" "items" {
  name                        = "${local.name}-items"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = false

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # The application writes the end of an item's life here (epoch seconds), and
  # DynamoDB deletes it free of charge.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  on_demand_throughput {
    max_read_request_units  = local.limits.request_units
    max_write_request_units = local.limits.request_units
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.main.arn
  }
}
