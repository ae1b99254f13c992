// Prints once a second whether this board computes what it must.
#include <selftest.h>

void setup() {
  Serial.begin(115200);
}

void loop() {
  const @prefix@_report report = @prefix@_check();
  Serial.print(report.passed ? "PASS, CRC-32 " : "FAIL, CRC-32 ");
  Serial.println((unsigned long)report.crc, HEX);
  delay(1000);
}
