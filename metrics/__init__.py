"""What results measure, kept: receipts of variants, and what searches have learnt from them."""
