"""Bad and hostile input through the real command line, and the fuzzer."""
