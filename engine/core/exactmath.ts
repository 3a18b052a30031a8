// exp, log and pow that give the same bits on every engine. ECMAScript leaves Math.exp, Math.log, Math.pow and `**` to the
// implementation; + - * / and Math.sqrt it fixes (IEEE 754, round to nearest, no fused multiply-add), so these functions
// use nothing else. The reductions and coefficients are those of fdlibm (e_exp.c, e_log.c; Sun Microsystems, 1993).
//
// Error against the true value: exp and log below 1 ulp; pow below 4 ulp (it carries the logarithm in two doubles; the error
// grows with |y log x|). Tested against Math.* within tolerance. Sines are left out: nothing needs them yet.

const LN2_HIGH = 6.9314718036912381649e-1; // 33 bits, so that k * LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10;
const INVERSE_LN2 = 1.4426950408889634;
const SQRT_2 = 1.4142135623730951;
const EXP_OVERFLOW = 709.782712893384;
const EXP_UNDERFLOW = -745.1332191019412;

const word = new DataView(new ArrayBuffer(8));

/** 2^exponent for -1022 <= exponent <= 1023. */
function powerOfTwo(exponent: number): number {
  word.setInt32(0, (exponent + 1023) << 20);
  word.setInt32(4, 0);
  return word.getFloat64(0);
}

/** value * 2^exponent, also where the factor or the result is not a normal number. */
function scale(value: number, exponent: number): number {
  if (exponent > 1023) return value * powerOfTwo(1023) * powerOfTwo(exponent - 1023);
  if (exponent < -1022) return value * powerOfTwo(exponent + 1000) * powerOfTwo(-1000);
  return value * powerOfTwo(exponent);
}

export function exp(x: number): number {
  return expOfSum(x, 0);
}

/** exp(high + low), |low| far below |high|. */
function expOfSum(high: number, low: number): number {
  if (high !== high) return NaN;
  if (high > EXP_OVERFLOW) return Infinity;
  if (high < EXP_UNDERFLOW) return 0;
  const k = Math.floor(high * INVERSE_LN2 + 0.5);
  const reducedHigh = high - k * LN2_HIGH;
  const reducedLow = k * LN2_LOW - low;
  const r = reducedHigh - reducedLow;
  const t = r * r;
  const c =
    r -
    t *
      (1.66666666666666019037e-1 +
        t *
          (-2.77777777770155933842e-3 +
            t * (6.61375632143793436117e-5 + t * (-1.6533902205465251539e-6 + t * 4.13813679705723846039e-8))));
  return scale(1 - (reducedLow - (r * c) / (2 - c) - reducedHigh), k);
}

// x = mantissa * 2^exponent with sqrt(1/2) <= mantissa < sqrt(2); x is positive and finite.
let splitMantissa = 0;
function splitExponent(x: number): number {
  let extra = 0;
  let value = x;
  if (value < 2.2250738585072014e-308) {
    value *= 18014398509481984; // 2^54: out of the subnormals
    extra = -54;
  }
  word.setFloat64(0, value);
  const high = word.getInt32(0);
  let exponent = (high >>> 20) - 1023;
  word.setInt32(0, (high & 0xf_ffff) | (1023 << 20));
  splitMantissa = word.getFloat64(0);
  if (splitMantissa >= SQRT_2) {
    splitMantissa *= 0.5;
    exponent++;
  }
  return exponent + extra;
}

/** The natural logarithm. */
export function log(x: number): number {
  if (x !== x || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return Infinity;
  const k = splitExponent(x);
  const f = splitMantissa - 1;
  const s = f / (2 + f);
  const z = s * s;
  const r =
    z *
    (6.66666666666673513e-1 +
      z *
        (3.999999999940941908e-1 +
          z *
            (2.857142874366239149e-1 +
              z *
                (2.222219843214978396e-1 +
                  z * (1.818357216161805012e-1 + z * (1.531383769920937332e-1 + z * 1.479819860511658591e-1))))));
  const halfSquare = 0.5 * f * f;
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + r) + k * LN2_LOW) - f);
}

/** x to the power y, for x >= 0 or whole y; otherwise NaN. The special cases are those of C's pow. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (x !== x || y !== y) return NaN;
  if (x < 0 || Object.is(x, -0)) return powOfNegative(x, y);
  if (x === 0) return y > 0 ? 0 : Infinity;
  if (x === Infinity) return y > 0 ? Infinity : 0;
  if (y === Infinity) return x > 1 ? Infinity : 0;
  if (y === -Infinity) return x > 1 ? 0 : Infinity;
  if (y === 1) return x;
  if (y === 0.5) return Math.sqrt(x);
  logInTwo(x);
  // The product y * (logHigh + logLow), high part exact (Dekker).
  const high = y * logHigh;
  if (!(high < 800 && high > -800)) return high > 0 ? Infinity : 0;
  const low = productError(y, logHigh, high) + y * logLow;
  return expOfSum(high, low);
}

function powOfNegative(x: number, y: number): number {
  if (y === Infinity || y === -Infinity) return x === -1 ? 1 : pow(-x, y);
  if (Math.floor(y) !== y) return x === 0 || x === -Infinity ? pow(-x, y) : NaN;
  const magnitude = pow(x === 0 ? 0 : -x, y);
  return y % 2 === 0 ? magnitude : -magnitude;
}

/** a * b - product, exactly, for product = a * b rounded and factors far from overflow (Veltkamp's split by 2^27 + 1). */
function productError(a: number, b: number, product: number): number {
  const aScaled = a * 134217729;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = b * 134217729;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

let logHigh = 0;
let logLow = 0;
/** log(x) = logHigh + logLow to some 62 bits; x is positive and finite. */
function logInTwo(x: number): void {
  const k = splitExponent(x);
  // 2 atanh(s) = 2s + 2s^3/3 + …, s = (m - 1) / (m + 1): the first term in two doubles, the rest (at most 1 %) in one.
  const numerator = splitMantissa - 1; // exact
  const denominator = splitMantissa + 1;
  const denominatorLow = splitMantissa - (denominator - 1);
  const s = numerator / denominator;
  const product = s * denominator;
  const remainder = numerator - product - productError(s, denominator, product) - s * denominatorLow;
  const sLow = remainder / denominator;
  const z = s * s;
  const tail =
    2 *
    s *
    z *
    (1 / 3 +
      z *
        (1 / 5 +
          z *
            (1 / 7 +
              z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21))))))))));
  // Largest first: k ln 2 (or 2s where k = 0), then what is left over.
  const a = k * LN2_HIGH;
  const b = 2 * s;
  const sum = a + b;
  const bRounded = sum - a;
  const sumError = a - (sum - bRounded) + (b - bRounded);
  const rest = sumError + (tail + (k * LN2_LOW + 2 * sLow));
  logHigh = sum + rest;
  logLow = sum - logHigh + rest;
}
