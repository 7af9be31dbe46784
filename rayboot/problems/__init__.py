"""Problems and their tests; one adapter a benchmark."""
