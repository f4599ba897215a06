// Colors by the words that a person would type. Every style draws from these, so that a word means the same
// color everywhere and every common word is in the training set.

export const hair = {
  black: "1b1b1f",
  "dark brown": "40281a",
  brown: "7a4a26",
  "light brown": "a97c50",
  blond: "e8c468",
  auburn: "8e3b1f",
  orange: "e0752d",
  red: "c8281e",
  pink: "f277b5",
  purple: "7d3fb2",
  blue: "2f6fd6",
  navy: "25316b",
  turquoise: "23b5b0",
  green: "2f9a48",
  gray: "8c8f94",
  white: "f1f1ee",
};

export const clothes = {
  black: "26262b",
  white: "f3f3f0",
  gray: "8f9297",
  brown: "7b5136",
  beige: "d8c3a0",
  red: "cf2a27",
  orange: "ee8130",
  yellow: "f5cf3c",
  green: "379b4c",
  "dark green": "1f5635",
  turquoise: "27b3ac",
  "light blue": "79bdea",
  blue: "2d68c8",
  navy: "222f66",
  purple: "7b3fae",
  pink: "ee79b2",
};

export const skin = {
  pale: "ffe3cb",
  light: "f3c9a2",
  tan: "d8a373",
  brown: "a8713f",
  dark: "7a4a25",
  "very dark": "4d2d18",
};

export const eyes = {
  brown: "6b4126",
  black: "1f1f24",
  gray: "7b828c",
  blue: "3577c9",
  green: "3a8f4d",
};

export const frames = {
  black: "1c1c20",
  brown: "6a4227",
  red: "c42b2b",
  blue: "2d5fb8",
  green: "2f8246",
  purple: "71399f",
  pink: "e0609f",
};

export const metal = { gold: "e5b52a", silver: "c3c8ce" };

export const lips = { natural: "c4776b", pink: "e8608f", red: "d21f26" };

// Flat and mostly soft, so that hair and clothes of the same word still stand out.
export const background = {
  white: "ffffff",
  "light gray": "d9dce0",
  "light blue": "b9dff5",
  "mint green": "bfeccf",
  "pale yellow": "fbeeb0",
  peach: "fdd3b5",
  pink: "fbc4d9",
  lavender: "d5c8f0",
};
