"""What each resource type does in the cloud, one module for each AWS service."""
