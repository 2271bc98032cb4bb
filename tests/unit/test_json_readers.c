/*
 * Both readers of JSON hold on each document of a conformance corpus, in each place of what is read
 * most: y_ is JSON, n_ is none, and of i_ a reader may think what it likes. The categories are
 * those of the usual corpora: arrays, numbers, objects, strings, structure.
 */
#include "../fuzz/both_readers.h"
#include "unit.h"

enum { DOCUMENT_BYTES_MAX = 4096 };

struct piece {
	const char *name;
	const char *bytes;
	size_t byte_count;
};

/* clang-format off */
#define P(name, text) { name, text, sizeof(text) - 1 }

/* What may stand where a value does. */
static const struct piece values[] = {
	P("y_array_empty", "[]"), P("y_array_blanks", "[[]   ]"), P("y_array_of_text", "[\"\"]"), P("y_array_false", "[false]"),
	P("y_array_heterogeneous", "[null, 1, \"1\", {}]"), P("y_array_null", "[null]"), P("y_array_newline", "[1\n]"),
	P("y_array_leading_space", " [1]"), P("y_array_several_null", "[1,null,null,null,2]"), P("y_array_trailing_space", "[2] "),
	P("y_array_nested", "[[[[[[[[[[1]]]]]]]]]]"), P("y_array_of_objects", "[{\"a\":1},{\"a\":1}]"),

	P("y_number_0", "0"), P("y_number_1", "1"), P("y_number_0e+1", "0e+1"), P("y_number_0e1", "0e1"), P("y_number_space", " 4"),
	P("y_number_close_to_zero", "-0.000000000000000000000000000000000000000000000000000000000000000000000000000001"),
	P("y_number_int_with_exp", "20e1"), P("y_number_minus_zero", "-0"), P("y_number_minus_zero_real", "-0.0"),
	P("y_number_negative_int", "-123"), P("y_number_negative_one", "-1"), P("y_number_capital_e", "1E22"),
	P("y_number_capital_e_neg", "1E-2"), P("y_number_capital_e_pos", "1E+2"), P("y_number_exponent", "123e45"),
	P("y_number_fraction_exponent", "123.456e78"), P("y_number_neg_exp", "1e-2"), P("y_number_pos_exp", "1e+2"),
	P("y_number_int", "123"), P("y_number_real", "123.456789"), P("y_number_1.0", "1.0"), P("y_number_0.5", "0.5"),
	P("y_number_17_digits", "12345678901234567"), P("y_number_18_digits", "999999999999999999"), P("y_number_19_digits", "1000000000000000000"),
	P("y_number_int64_most", "9223372036854775807"), P("y_number_int64_least", "-9223372036854775808"),
	P("y_number_2^53+1", "9007199254740993"), P("y_number_10^12", "1000000000000"), P("y_number_10^12+1", "1000000000001"),
	P("y_number_-10^12", "-1000000000000"), P("y_number_-10^12-1", "-1000000000001"), P("y_number_tab", "\t7\t"), P("y_number_lf", "\n7\r\n"),

	P("y_object_basic", "{\"asd\":\"sdf\"}"), P("y_object_empty", "{}"), P("y_object_empty_key", "{\"\":0}"),
	P("y_object_extreme_numbers", "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"), P("y_object_simple", "{\"a\":[]}"),
	P("y_object_unicode", "{\"title\":\"\\u041f\\u043e\\u043b\" }"), P("y_object_newlines", "{\n\"a\": \"b\"\n}"),
	P("y_object_long", "{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"),
	P("y_object_of_a_line", "[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]"), P("y_object_of_a_row", "[{\"location\":\"W\",\"sku\":\"A\"}]"),

	P("y_string_empty", "\"\""), P("y_string_space", "\" \""), P("y_string_ascii", "\"asd \""), P("y_string_utf8", "\"\xe2\x82\xac\xf0\x9d\x84\x9e\""),
	P("y_string_1_2_3_bytes", "\"\\u0060\\u012a\\u12AB\""), P("y_string_surrogate_pair", "\"\\uD801\\udc37\""),
	P("y_string_surrogate_pairs", "\"\\ud83d\\ude39\\ud83d\\udc8d\""), P("y_string_allowed_escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	P("y_string_backslash_and_u0000", "\"\\\\u0000\""), P("y_string_quotes", "\"\\\"\""), P("y_string_comments", "\"a/*b*/c/*d//e\""),
	P("y_string_double_escape_a", "\"\\\\a\""), P("y_string_double_escape_n", "\"\\\\n\""), P("y_string_escaped_control", "\"\\u0012\""),
	P("y_string_escaped_noncharacter", "\"\\uFFFF\""), P("y_string_last_surrogates", "\"\\uDBFF\\uDFFF\""), P("y_string_nbsp", "\"new\\u00A0line\""),
	P("y_string_10ffff", "\"\xf4\x8f\xbf\xbf\""), P("y_string_ffff", "\"\xef\xbf\xbf\""), P("y_string_null_escape", "\"\\u0000\""),
	P("y_string_one_byte", "\"\\u002c\""), P("y_string_pi", "\"\xcf\x80\""), P("y_string_1bfff", "\"\xf0\x9b\xbf\xbf\""),
	P("y_string_u2028", "\"\xe2\x80\xa8\""), P("y_string_u2029", "\"\xe2\x80\xa9\""), P("y_string_uEscape", "\"\\u0061\\u30af\\u30EA\\u30b9\""),
	P("y_string_uescaped_newline", "\"new\\u000Aline\""), P("y_string_delete", "\"\x7f\""), P("y_string_with_delete", "\"a\x7f" "a\""),
	P("y_string_two_bytes", "\"\xc2\x80\xdf\xbf\""), P("y_string_three_bytes", "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\""),
	P("y_string_four_bytes", "\"\xf0\x90\x80\x80\""), P("y_string_7_then_high", "\"aaaaaaa\xc3\xa4\""), P("y_string_8_then_high", "\"aaaaaaaa\xc3\xa4\""),
	P("y_string_escape_at_8", "\"aaaaaaaa\\n\""), P("y_string_quote_at_8", "\"aaaaaaaa\\\"\""), P("y_string_braces", "\"{}[],:\""),
	P("y_string_noncharacter_1fffe", "\"\xf0\x9f\xbf\xbe\""), P("y_string_escaped_slash", "\"\\/\""), P("y_string_bom_inside", "\"\xef\xbb\xbf\""),
	P("y_literal_null", "null"), P("y_literal_true", "true"), P("y_literal_false", "false"), P("y_literal_space", " null "),

	P("n_array_no_comma", "[1 true]"), P("n_array_invalid_utf8", "[a\xe5]"), P("n_array_colon", "[\"\": 1]"), P("n_array_comma_after", "[\"\"],"),
	P("n_array_comma_and_number", "[,1]"), P("n_array_double_comma", "[1,,2]"), P("n_array_extra_commas", "[\"x\",,]"), P("n_array_extra_close", "[\"x\"]]"),
	P("n_array_extra_comma", "[\"\",]"), P("n_array_incomplete", "[\"x\""), P("n_array_incomplete_value", "[x"), P("n_array_inner", "[3[4]]"),
	P("n_array_lone_byte", "[\xff]"), P("n_array_semicolon", "[1:2]"), P("n_array_just_comma", "[,]"), P("n_array_just_minus", "[-]"),
	P("n_array_missing", "[   , \"\"]"), P("n_array_newlines", "[\"a\",\n4\n,1,"), P("n_array_several_commas", "[1,,]"),
	P("n_array_vertical_tab", "[\"\va\"\\f]"), P("n_array_star", "[*]"), P("n_array_unclosed", "[\"\""), P("n_array_unclosed_comma", "[1,"),
	P("n_array_unclosed_lines", "[1,\n1\n,1"), P("n_array_unclosed_object", "[{}"), P("n_array_mismatched", "[1}"), P("n_array_mismatched_object", "{\"a\":1]"),

	P("n_incomplete_false", "fals"), P("n_incomplete_null", "nul"), P("n_incomplete_true", "tru"), P("n_multidigit_then_00", "123\0"),
	P("n_literal_capital", "True"), P("n_literal_capitals", "NULL"), P("n_literal_long", "nulll"), P("n_literal_glued", "nulltrue"), P("n_literal_digit", "true1"),
	P("n_literal_escaped", "\\u006eull"), P("n_literal_none", "undefined"), P("n_literal_nan", "nan"), P("i_nothing", ""), P("i_only_blanks", " \t\n"),

	P("n_number_++", "++1234"), P("n_number_+1", "+1"), P("n_number_+Inf", "+Inf"), P("n_number_-01", "-01"), P("n_number_-1.0.", "-1.0."),
	P("n_number_-2.", "-2."), P("n_number_-NaN", "-NaN"), P("n_number_.-1", ".-1"), P("n_number_.2e-3", ".2e-3"), P("n_number_0.1.2", "0.1.2"),
	P("n_number_0.3e+", "0.3e+"), P("n_number_0.3e", "0.3e"), P("n_number_0.e1", "0.e1"), P("n_number_0E+", "0E+"), P("n_number_0E", "0E"),
	P("n_number_0e+", "0e+"), P("n_number_0e", "0e"), P("n_number_1.0e+", "1.0e+"), P("n_number_1.0e-", "1.0e-"), P("n_number_1.0e", "1.0e"),
	P("n_number_1_000", "1 000.0"), P("n_number_1eE2", "1eE2"), P("n_number_2.e+3", "2.e+3"), P("n_number_2.e-3", "2.e-3"), P("n_number_2.e3", "2.e3"),
	P("n_number_9.e+", "9.e+"), P("n_number_Inf", "Inf"), P("n_number_NaN", "NaN"), P("n_number_ff11", "\xef\xbc\x91"), P("n_number_expression", "1+2"),
	P("n_number_hex_1", "0x1"), P("n_number_hex_2", "0x42"), P("n_number_infinity", "Infinity"), P("n_number_+-", "0e+-1"), P("n_number_neg_real", "-123.123foo"),
	P("n_number_utf8_in_bigger", "123\xe5"), P("n_number_utf8_in_exp", "1e1\xe5"), P("n_number_utf8_in_int", "0\xe5"), P("n_number_minus_inf", "-Infinity"),
	P("n_number_minus_garbage", "-foo"), P("n_number_minus_space", "- 1"), P("n_number_neg_zero_first", "-012"), P("n_number_neg_no_int", "-.123"),
	P("n_number_neg_garbage", "-1x"), P("n_number_garbage_after_e", "1ea"), P("n_number_utf8_after_e", "1e\xe5"), P("n_number_no_fraction", "1."),
	P("n_number_dot", ".123"), P("n_number_alpha", "1.2a-3"), P("n_number_alpha_char", "1.8011670033376514H-308"), P("n_number_leading_zero", "012"),
	P("n_number_00", "00"), P("n_number_-", "-"), P("n_number_--1", "--1"), P("n_number_1-", "1-"), P("n_number_1-1", "1-1"), P("i_number_comma", "1,5"),
	P("n_number_quote", "1'"), P("n_number_underscore", "1_000"), P("n_number_suffix", "1L"), P("n_number_minus_zeros", "-00"), P("n_number_nul", "1\0"),
	P("n_number_19_digits_garbage", "1000000000000000000x"), P("n_number_18_digits_garbage", "99999999999999999x"),

	P("n_object_bad_value", "{\"x\", truth}"), P("n_object_bracket_key", "{[: \"x\"}"), P("n_object_comma_for_colon", "{\"x\", null}"),
	P("n_object_double_colon", "{\"x\"::\"b\"}"), P("n_object_emoji", "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}"), P("n_object_garbage", "{\"a\":\"a\" 123}"),
	P("n_object_single_quotes", "{key: 'value'}"), P("n_object_lone_byte", "{\"\xb9\":\"0\",}"), P("n_object_no_colon", "{\"a\" b}"),
	P("n_object_no_key", "{:\"b\"}"), P("n_object_no_semicolon", "{\"a\" \"b\"}"), P("n_object_no_value", "{\"a\":"), P("n_object_nothing", "{\"a\""),
	P("n_object_key_1", "{1:1}"), P("i_object_key_huge", "{9999E9999:1}"), P("n_object_null_null", "{null:null,null:null}"),
	P("n_object_trailing_commas", "{\"id\":0,,,,,}"), P("n_object_single_quote", "{'a':0}"), P("n_object_trailing_comma", "{\"id\":0,}"),
	P("n_object_comment", "{\"a\":\"b\"}/**/"), P("n_object_comment_open", "{\"a\":\"b\"}/**//"), P("n_object_comment_slash", "{\"a\":\"b\"}//"),
	P("n_object_comment_half", "{\"a\":\"b\"}/"), P("n_object_two_commas", "{\"a\":\"b\",,\"c\":\"d\"}"), P("n_object_unquoted", "{a: \"b\"}"),
	P("n_object_unterminated", "{\"a\":\"a"), P("n_object_single_string", "{ \"foo\" : \"bar\", \"a\" }"), P("n_object_trailing", "{\"a\":\"b\"}#"),
	P("n_object_key_true", "{true:1}"), P("n_object_key_object", "{{}:1}"), P("n_object_colon_only", "{:}"), P("n_object_comma_only", "{,}"),
	P("n_object_comma_first", "{,\"a\":1}"), P("n_object_two_values", "{\"a\":1 2}"), P("n_object_value_no_comma", "{\"a\":1 \"b\":2}"),

	P("n_string_surrogate_u", "\"\\uD800\\u\""), P("n_string_surrogate_u1", "\"\\uD800\\u1\""), P("n_string_surrogate_u1x", "\"\\uD800\\u1x\""),
	P("n_string_accent", "\xc3\xa9"), P("n_string_backslash_nul", "\"\\\0\""), P("n_string_escape_x", "\"\\x00\""), P("n_string_backslashes", "\"\\\\\\\""),
	P("n_string_escaped_tab", "\"\\\t\""), P("n_string_escaped_emoji", "\"\\\xf0\x9f\x8c\x80\""), P("n_string_incomplete_escape", "\"\\\""),
	P("n_string_incomplete_u", "\"\\u00A\""), P("n_string_incomplete_surrogate", "\"\\uD834\\uDd\""), P("n_string_bad_surrogate", "\"\\uD800\\uD800\\x\""),
	P("n_string_utf8_in_escape", "\"\\u\xe5\""), P("n_string_bad_escape_a", "\"\\a\""), P("n_string_bad_unicode", "\"\\uqqqq\""),
	P("n_string_utf8_after_escape", "\"\\\xe5\""), P("n_string_leading_escape", "\\u0020\"asd\""), P("n_string_no_quotes", "\\n"),
	P("n_string_one_quote", "\""), P("n_string_single", "'single quote'"), P("n_string_bare", "abc"), P("n_string_unclosed", "\"\\"),
	P("n_string_control_nul", "\"a\0a\""), P("n_string_newline", "\"new\nline\""), P("n_string_tab", "\"\t\""), P("n_string_CapitalU", "\"\\UA66D\""),
	P("n_string_garbage", "\"\"x"), P("n_string_control_1f", "\"\x1f\""), P("n_string_control_01", "\"aaaaaaa\x01\""),
	P("n_string_control_at_8", "\"aaaaaaaa\x01\""),
	P("n_string_two", "\"a\" \"b\""), P("n_string_glued", "\"a\"\"b\""), P("n_string_escaped_quote_single", "\"\\'\""), P("n_string_escape_0", "\"\\0\""),
	P("n_string_unclosed_word", "\"abc"), P("n_string_cr", "\"a\rb\""), P("n_string_backtick", "`a`"), P("n_string_u_space", "\"\\u 041\""),
	P("n_string_overlong_2", "\"\xc0\xaf\""), P("n_string_overlong_3", "\"\xe0\x80\xaf\""), P("n_string_overlong_4", "\"\xf0\x80\x80\xaf\""),
	P("n_string_overlong_6", "\"\xfc\x83\xbf\xbf\xbf\xbf\""), P("n_string_d800", "\"\xed\xa0\x80\""), P("n_string_dfff", "\"\xed\xbf\xbf\""),
	P("n_string_beyond", "\"\xf4\x90\x80\x80\""), P("n_string_latin_1", "\"\xe9\""), P("n_string_continuation", "\"\x81\""), P("n_string_fe", "\"\xfe\""),
	P("n_string_truncated_2", "\"\xc3\""), P("n_string_truncated_3", "\"\xe0\xff\""), P("n_string_truncated_4", "\"\xf0\x9f\x98\""),
	P("n_string_latin_at_8", "\"aaaaaaaa\xe9\""), P("n_string_latin_at_7", "\"aaaaaaa\xe9\""), P("n_string_utf16", "\"\0\xe9\0\""),

	P("n_structure_angle", "<.>"), P("n_structure_angle_null", "<null>"), P("n_structure_identifier", "a\xc3\xa5"), P("n_structure_double_array", "[][]"),
	P("n_structure_end_array", "]"), P("n_structure_open_bracket", "["), P("n_structure_open_brace", "{"), P("n_structure_at", "@"),
	P("n_structure_array_apostrophe", "['"), P("n_structure_array_comma", "[,"), P("n_structure_array_object", "[{"), P("n_structure_array_string", "[\"a"),
	P("n_structure_object_bracket", "{["), P("n_structure_object_comma", "{,"), P("n_structure_object_close", "{]"), P("n_structure_open_open", "[\"\\{[\"\\{"),
	P("n_structure_star", "*"), P("n_structure_word_joiner", "\xe2\x81\xa0"), P("n_structure_formfeed", "\f1"), P("n_structure_vtab", "\v1"),
	P("n_structure_nbsp", "\xc2\xa0" "1"), P("n_structure_comment", "/*a*/1"), P("n_structure_line_comment", "1//a\n"), P("n_structure_hash", "#a\n1"),
	P("n_structure_semicolon", "1;"), P("n_structure_parens", "(1)"), P("n_structure_equals", "=1"), P("n_structure_rs", "\x1e" "1"),
	P("n_structure_del", "\x7f" "1"),

	P("i_number_huge_neg_exp", "123.456e-789"), P("i_number_huge_exp", "0.4e00669999999999999999999999999999999999999999999969999999006"),
	P("i_number_neg_huge_exp", "-1e+9999"), P("i_number_pos_huge_exp", "1.5e+9999"), P("i_number_neg_overflow", "-123123e100000"),
	P("i_number_pos_overflow", "123123e100000"), P("i_number_underflow", "123e-10000000"), P("i_number_too_big_neg", "-123123123123123123123123123123"),
	P("i_number_too_big_pos", "100000000000000000000"), P("i_number_very_big_neg", "-237462374673276894279832749832423479823246327846"),
	P("i_number_2^63", "9223372036854775808"), P("i_number_-2^63-1", "-9223372036854775809"), P("i_number_2^64", "18446744073709551616"),
	P("i_object_lone_surrogate", "{\"\\uDFAA\":0}"), P("i_object_doubled", "{\"a\":\"b\",\"a\":\"c\"}"), P("i_object_doubled_same", "{\"a\":1,\"a\":1}"),
	P("i_object_nul_key", "{\"foo\\u0000bar\": 42}"), P("i_object_doubled_escaped", "{\"a\":1,\"\\u0061\":2}"),
	P("i_string_2nd_missing", "\"\\uDADA\""), P("i_string_2nd_invalid", "\"\\uD888\\u1234\""), P("i_string_surrogate_newline", "\"\\uD800\\n\""),
	P("i_string_pair_incomplete", "\"\\uDd1ea\""), P("i_string_surrogates_incomplete", "\"\\uD800\\uD800\\n\""), P("i_string_lonely", "\"\\ud800\""),
	P("i_string_surrogate_abc", "\"\\ud800abc\""), P("i_string_inverted", "\"\\uDd1e\\uD834\""), P("i_string_lone_second", "\"\\uDFAA\""),
	P("i_line_doubled", "[{\"sku\":\"A\",\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]"),
	P("i_array_deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
};

/* Whole documents; @ stands for the members of one that is right. */
static const struct piece documents[] = {
	P("y_structure_right", "{@}"), P("y_structure_space", " {@} "), P("y_structure_newline", "{@}\n"), P("y_structure_crlf", "{@}\r\n"),
	P("y_structure_blanks", " \t\r\n{ \t\r\n@ \t\r\n} \t\r\n"), P("y_structure_space_first", "{ @}"), P("y_structure_space_last", "{@ }"),
	P("n_structure_no_data", " "), P("n_structure_bom", "\xef\xbb\xbf{@}"), P("n_structure_half_bom", "\xef\xbb{@}"), P("n_structure_bom_only", "\xef\xbb\xbf"),
	P("n_structure_utf16_bom", "\xff\xfe{@}"), P("n_structure_two", "{@}{@}"), P("n_structure_two_lines", "{@}\n{@}"), P("n_structure_comma_two", "{@},{@}"),
	P("n_structure_close_twice", "{@}}"), P("n_structure_unclosed", "{@"), P("n_structure_unopened", "@}"), P("n_structure_members", "@"),
	P("n_structure_array", "[{@}]"), P("n_structure_array_close", "{@}]"), P("n_structure_bracket", "{@]"), P("n_structure_open_twice", "{{@}}"),
	P("n_structure_trailing_comma", "{@,}"), P("n_structure_leading_comma", "{,@}"), P("n_structure_two_commas", "{@,,\"a\":1}"),
	P("n_structure_comma_behind", "{@},"),
	P("n_structure_garbage", "{@}x"), P("n_structure_hash", "{@}#"), P("n_structure_semicolon", "{@};"), P("n_structure_comment", "{@}/**/"),
	P("n_structure_comment_first", "/**/{@}"), P("n_structure_comment_inside", "{/**/@}"), P("n_structure_line_comment", "{@}//a"),
	P("n_structure_line_comment_inside", "{@//a\n}"),
	P("n_structure_nul", "{@}\0"), P("n_structure_nul_inside", "{@\0}"), P("n_structure_nul_first", "\0{@}"), P("n_structure_formfeed", "{@}\f"),
	P("n_structure_vtab", "{\v@}"), P("n_structure_nbsp", "{@}\xc2\xa0"), P("n_structure_nbsp_inside", "{\xc2\xa0@}"),
	P("n_structure_word_joiner", "\xe2\x81\xa0{@}"),
	P("n_structure_no_comma", "{@ \"reason\":\"sale\"}"), P("n_structure_colon_for_comma", "{@:\"reason\":\"sale\"}"),
	P("n_structure_semicolon_for_comma", "{@;\"reason\":\"sale\"}"),
	P("n_structure_no_value", "{@,\"reason\":}"), P("n_structure_no_colon", "{@,\"reason\"\"sale\"}"), P("n_structure_no_name", "{@,:\"sale\"}"),
	P("n_structure_only_name", "{@,\"reason\"}"), P("n_structure_bare_name", "{@,reason:\"sale\"}"), P("n_structure_single_quotes", "{@,'reason':\"sale\"}"),
	P("n_structure_number_name", "{@,1:\"sale\"}"), P("n_structure_literal_name", "{@,null:\"sale\"}"), P("n_structure_comma_for_colon", "{@,\"reason\",\"sale\"}"),
	P("n_structure_equals", "{@,\"reason\"=\"sale\"}"), P("n_structure_colons", "{@,\"reason\"::\"sale\"}"),
	P("n_structure_name_control", "{@,\"rea\nson\":\"sale\"}"),
	P("n_structure_name_utf8", "{@,\"rea\xffson\":\"sale\"}"), P("n_structure_name_escape", "{@,\"rea\\son\":\"sale\"}"),
	P("n_structure_name_unclosed", "{@,\"reason:1}"),
	P("n_structure_two_values", "{@,\"reason\":\"a\" \"b\"}"), P("n_structure_value_colon", "{@,\"reason\":\"a\":\"b\"}"), P("n_structure_rs", "\x1e{@}"),
	P("n_structure_string", "\"{@}"), P("n_structure_number", "1"), P("n_structure_null", "null"), P("n_structure_true", "true"), P("n_structure_text", "\"a\""),
	P("n_structure_array_empty", "[]"), P("n_structure_parens", "({@})"), P("n_structure_callback", "f({@})"),
	P("n_structure_open_arrays", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
	P("n_structure_open_objects", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"), P("n_structure_nested_members", "{@,{\"reason\":\"sale\"}}"),
	P("n_structure_array_member", "{@,[\"reason\"]}"), P("n_structure_close_open", "}{@}"), P("n_structure_closed_array_value", "{@,\"a\":]}"),
	P("n_structure_closed_value", "{@,\"a\":}}"), P("n_structure_comma_value", "{@,\"a\":,}"),
	P("i_structure_empty", "{}"), P("i_structure_unknown", "{@,\"colour\":1}"), P("i_structure_escaped_name", "{@,\"\\u0072eason\":\"sale\"}"),
	P("i_structure_doubled", "{@,@}"), P("i_structure_doubled_unknown", "{@,\"a\":1,\"a\":2}"), P("i_structure_empty_name", "{@,\"\":1}"),
	P("i_structure_nul_name", "{@,\"reason\\u0000\":\"sale\"}"), P("i_structure_capital_name", "{@,\"Reason\":\"sale\"}"),
	P("i_structure_blank_name", "{@,\"reason \":\"sale\"}"),
	P("i_structure_object_value", "{@,\"reference\":{\"a\":1}}"), P("i_structure_array_value", "{@,\"reference\":[1,2]}"),
	P("i_structure_null_value", "{@,\"reference\":null}"),
	P("i_structure_nested_doubled", "{@,\"reference\":{\"a\":1,\"a\":2}}"), P("i_structure_second_lines", "{@,\"rows\":[{\"sku\":\"A\",\"location\":\"W\"}]}"),
	P("i_structure_many",
	  "{@,\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}"),
	P("i_structure_surrogate_name", "{@,\"\\ud800\":1}"), P("i_structure_overflow_first", "{\"a\":99999999999999999999,@}"),
	P("i_structure_deep", "{@,\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"),
};

/* What is read most, and each place of it in which a value stands. */
static const struct frame {
	enum shape shape;
	const char *members; /* right ones */
	const char *with_value[6]; /* @: the value */
} frames[] = {
	{ SHAPE_ADJUST, "\"delta\":-3",
	  { "{\"delta\":@}", "{\"delta\":-3,\"reference\":@}", "{\"reason\":@,\"delta\":-3}", "{\"up_to\":@,\"delta\":-3}",
	    "{\"delta\":-3,\"expected\":@,\"expected_version\":7}", "{\"delta\":1,\"colour\":@}" } },
	{ SHAPE_SET, "\"on_hand\":3,\"expected\":null",
	  { "{\"on_hand\":@,\"expected\":null}", "{\"on_hand\":3,\"expected\":@}", "{\"on_hand\":3,\"expected_version\":@}",
	    "{\"expected\":4,\"on_hand\":3,\"reference\":@}", "{\"on_hand\":3,\"expected\":null,\"reason\":@}" } },
	{ SHAPE_RESERVE, "\"lines\":[{\"sku\":\"A-1\",\"location\":\"WH1\",\"quantity\":2}],\"ttl_s\":9",
	  { "{\"lines\":@,\"ttl_s\":9}", "{\"lines\":[{\"sku\":@,\"location\":\"WH1\",\"quantity\":2}],\"ttl_s\":9}",
	    "{\"ttl_s\":9,\"lines\":[{\"sku\":\"A\",\"location\":\"WH1\",\"quantity\":@},{\"sku\":\"B\",\"location\":\"WH1\",\"quantity\":2}]}",
	    "{\"lines\":[@],\"ttl_s\":9}", "{\"lines\":[{\"sku\":\"A\",\"location\":\"WH1\",\"quantity\":2}],\"ttl_s\":@}",
	    "{\"lines\":[{\"sku\":\"A\",\"location\":\"WH1\",\"quantity\":2}],\"ttl_s\":9,\"owner\":@}" } },
	{ SHAPE_LINE, "\"op\":\"adjust\",\"sku\":\"A-1\",\"location\":\"WH1\",\"delta\":-3",
	  { "{\"op\":\"adjust\",\"sku\":\"A-1\",\"location\":\"WH1\",\"delta\":@}", "{\"op\":@,\"sku\":\"A-1\",\"location\":\"WH1\",\"delta\":-3}",
	    "{\"op\":\"adjust\",\"sku\":@,\"location\":\"WH1\",\"delta\":-3}", "{\"op\":\"set\",\"sku\":\"A\",\"location\":\"WH1\",\"on_hand\":@,\"expected\":null}",
	    "{\"op\":\"adjust\",\"id\":@,\"sku\":\"A-1\",\"location\":\"WH1\",\"delta\":-3}",
	    "{\"op\":\"reserve\",\"reservation\":@,\"ttl_s\":9,\"lines\":[{\"sku\":\"A\",\"location\":\"W\",\"quantity\":1}]}" } },
};
/* clang-format on */

struct document {
	char bytes[DOCUMENT_BYTES_MAX];
	size_t byte_count;
};

static void add(struct document *d, const char *bytes, size_t byte_count)
{
	assert_true(d->byte_count + byte_count <= sizeof(d->bytes));
	memcpy(d->bytes + d->byte_count, bytes, byte_count);
	d->byte_count += byte_count;
}

/* The frame with what stands for its @s. */
static void fill(struct document *d, const char *frame, size_t frame_bytes, const char *in,
		 size_t in_bytes)
{
	d->byte_count = 0;
	for (size_t i = 0; i < frame_bytes; i++)
		if (frame[i] == '@')
			add(d, in, in_bytes);
		else
			add(d, &frame[i], 1);
}

/* What they both say of it; the readings stay until both_forget(). */
static void read_alike(struct both *both, const char *what, enum shape shape,
		       const struct document *d)
{
	const char *difference;

	both_read(both, shape, d->bytes, d->byte_count);
	difference = both_difference(both);
	if (difference != NULL)
		fail_msg("\"%s\" as %s: %.*s\n  plain: %s", what, shape_text(shape),
			 (int)d->byte_count, d->bytes, difference);
}

/*
 * What is no JSON is refused as such, whatever else there is to be said of it. An n_ with a comma
 * or a bracket behind it may be completed by its frame, but never to a document.
 */
static void judge(const struct piece *p, const struct both *both)
{
	bool is_malformed =
		!both->plain.is_read && both->plain.error.outcome == OUTCOME_MALFORMED_JSON;

	if (p->name[0] == 'y')
		ROW_EXPECT(p->name, !is_malformed);
	if (p->name[0] == 'n')
		ROW_EXPECT(p->name, is_malformed);
	ROW_EXPECT(p->name, p->name[1] == '_');
}

static void every_value_in_every_place(void **state)
{
	static struct document d;

	(void)state;
	for (size_t f = 0; f < LENGTH_OF(frames); f++)
		for (size_t i = 0; i < LENGTH_OF(frames[f].with_value); i++)
			for (size_t v = 0; v < LENGTH_OF(values) && frames[f].with_value[i]; v++) {
				const char *frame = frames[f].with_value[i];
				struct both both;

				fill(&d, frame, strlen(frame), values[v].bytes,
				     values[v].byte_count);
				read_alike(&both, values[v].name, frames[f].shape, &d);
				judge(&values[v], &both);
				both_forget(&both);
			}
}

static void every_document_of_every_shape(void **state)
{
	static struct document d;

	(void)state;
	for (size_t f = 0; f < LENGTH_OF(frames); f++)
		for (size_t i = 0; i < LENGTH_OF(documents); i++) {
			const struct piece *p = &documents[i];
			struct both both;

			fill(&d, p->bytes, p->byte_count, frames[f].members,
			     strlen(frames[f].members));
			read_alike(&both, p->name, frames[f].shape, &d);
			judge(p, &both);
			if (p->name[0] == 'y') {
				ROW_EXPECT(p->name, both.plain.is_read);
				ROW_EXPECT(p->name, both.plain.is_plain);
			}
			both_forget(&both);
		}
}

/* Cut at every byte, and with every byte at every place: none of it is read differently. */
static void every_prefix_and_every_byte(void **state)
{
	static struct document d;

	(void)state;
	for (size_t f = 0; f < LENGTH_OF(frames); f++) {
		static struct document whole;

		fill(&whole, "{@}", 3, frames[f].members, strlen(frames[f].members));
		for (size_t at = 0; at < whole.byte_count; at++)
			for (int c = -1; c < 256; c++) {
				struct both both;

				d = whole;
				if (c < 0)
					d.byte_count = at;
				else
					d.bytes[at] = (char)c;
				read_alike(&both, c < 0 ? "cut" : "with another byte",
					   frames[f].shape, &d);
				both_forget(&both);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_in_every_place),
		cmocka_unit_test(every_document_of_every_shape),
		cmocka_unit_test(every_prefix_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
