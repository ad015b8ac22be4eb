"""What customers ordered: from the click to the key, with the promise and its history."""
