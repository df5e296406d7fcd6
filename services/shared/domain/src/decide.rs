//! What a listing means for the bookings we hold. See the booking-command service for the transaction around it.
