#!/usr/bin/env python3
"""Writes ccm_cases.h: AES-CCM with ESP's nonce of 11 bytes.

NIST's CAVP samples (ccmtestvectors.zip, VNT128, VNT192 and VNT256, [Nlen = 11]: Alen 32, Plen 24,
Tlen 16) are the only published ones with that nonce. Their associated data are 32 bytes, where ESP has 8
or 12. So the ciphertext of a case is NIST's, as no associated data change it; its ICV is what
python3-cryptography computes with the first 12 bytes of NIST's associated data. Before that it
computes NIST's own tag over all 32, so neither it nor the typing is wrong.

    ccm_cases.py            writes the header
    ccm_cases.py --check    exits 1 if the committed header differs
"""
import pathlib
import sys

try:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
except ImportError:
    print("python3-cryptography is not installed", file=sys.stderr)
    sys.exit(77)

HEADER = pathlib.Path(__file__).with_name("ccm_cases.h")

# key, [count, nonce, associated data, text, ciphertext with tag]
NIST = [
    ("e6ab9e70a4fb51b01c2e262233e64c0d", [
        (40, "74e689eb5af9441dd690a6", "42f6518ee0fbe42f28e13b4bb2eb60517b37c9744394d9143393a879c3e107c7",
         "ba15916733550d7aa82b2f6b117cd3f54c83ddc16cd0288a",
         "dcc151443288f35d39ed8fae6f0ce1d1eb656f4f7fd65c0b16f322ce85d7c54e71ac560fd4da9651"),
        (41, "eb118fb41284bfcb1bc338", "b5a6067fbac46578cfc8d3fe04108588c9de077eb009249374f205553bba9d02",
         "863da00c7accf45418d47c1eda72338734dcc49cd599f328",
         "d64de7a56146b971e21bf5784d67bab32dd837cfb81591da4a0177883346dc896eb39e8a32bc1393"),
        (42, "caba2716d07e95de83855e", "0e0ff2c73ea5fa8f8726a3514cf906ce1610a1a6dc19b22682f9e4619f762d82",
         "2af6d5636ab65db2058b2ba16df257369fc4e8aef8b9481c",
         "3c9e006c7d8eff5f448b0cc9c27c964713241aa7fed3665d775ea25fb272981de8b8aa0a637498fb"),
        (43, "314c136999e41d137bd7ba", "366c659bc45d0a88acd54ef7eeaa3e140e1cafb1b01474a065a9d460c5e83bfd",
         "217b19ea6a431a1f66bd9d02b718e8507a08ab8e6f603e3f",
         "33d7b672b23e8b03a39ff3fd1e7b0f2be67163e3e3bae072f2aaa211dec623947a50b1252bc5aad3"),
        (44, "6fe51f5013f53d4e4fd907", "ff182f2e179d790e827cbfd0bd8b9297ecae57ffcef9e25ef114474a22e4ec5b",
         "c6bf582b49dd4ab6cb33f3f88e8a4d14fe32b308ee3b4682",
         "26cd5dc5eac2acda283ca03354260ad57af79e20c5e92f5775ed171bb0fbaa6f431c5411cf9b536d"),
        (45, "24bc8dc1e2354667b79ba4", "d0d48d01fc79685c6bee04d45e40d06cdf1f4607542b1ece556fc2d1bb2b03f1",
         "90f52ebb1bd5439386faeaa194623285f750672a7baae64b",
         "a7f43f56c50705a1a101044b954414fdfbe32b518e934d38f391749ea3acd624c01e4583ab1506b7"),
        (46, "89ce46b3de3afaf2518d41", "5767202c913584d653f37d926a0c5ac1c67db3efd1dc58fbff998778a6856254",
         "b2ab379a0dd15baf91415eee3a4e56e7eca54d4c1c3094f8",
         "9f530e455a54b86835eacd8801b34c884a3b2ac819ba38f894e43a6b1cf73cb2d6a1dd8331549520"),
        (47, "d3208eb695e84c7a925037", "91d8fa65a6885f162a795afe2898f391990a8b3a87c11f94734dcbddf5f58da8",
         "f15e39f0e4eaa5bf81359d8e30186522f1a1a415436668cf",
         "7f1d9fcd9e5cce3a81e3495bfecec817fd7180d8bbfe0abab27fb6425fcc3537ce471425a5b17dcf"),
        (48, "067de2869333ed22c7b63e", "c31e441fd551b3fdfbe23ceec5ec1f838f31a5300f6055ad2a936a9d0c1c856e",
         "1536d9c9a09302d142c85638202f5bbf0c287f68115d51d8",
         "b1a5c7a7fd23228dc7ea26885802daa0719f6a23681e1d65dfb879c21b46f3307ef22f1da579303f"),
        (49, "15f61b4526d19bceae1093", "b97b122af73e928e617e98684f845be4cb80566345739b7a884c6a3eec5102bf",
         "37c81988c07a5b01e2b40ff9f9ada5f50ca764efb717ff9e",
         "0d93a5c77482d573b7f1b8c5e283f2571efc9f54216a4c01900504a73c8817ff2b55618b2602bf38"),
    ]),
    ("af84c6f302c59aeee6d5728ed5da2e3c64a5a781c52c4d1b", [
        (40, "df990c42a268950677c433", "a6ab5d78427f297a4b7e21f1091ff3a5b20caa3fe1cbcb09459d9df596a6c8e1",
         "6db41aeb5f7c24df8929dbc30483b3c7934b3bd1cdce5bb9",
         "8c9328258bf71970d33e23a3ff81cc1c9cbe196a1294264bfd6a7255e4801963bb30a63de3fc5b82"),
        (41, "b7ea72641bbe2dca6d85e7", "4e0f2ddf183281ec131693bdcea3fc9743733c07a486a42d5737735b3f6e3fdf",
         "726844e41b1e4d883024b32fee0dcea38c889cb328885b7c",
         "9a133e4582c2ebc445862a9c6f2f4e39223c84081e322c8f262de30da6ef505fe640c53d765f672c"),
        (42, "446fee1e75e79c0dfc9ddc", "42b598eaee271e06d9e98dd94152b28ef10f506d65bd660b2fb8b1be9a2d7254",
         "0cdcf348ecc9c3588001802c2106fb64be9c301adcc66e73",
         "0c2657b0482b6ca92e1b1c8fdf75eae3b0cd3af205e9bca396ecb1e46beb16000d585e1d9559ee22"),
        (43, "2e6e34070caf1b8820ed39", "8bd1ef3a1831fcc8919d736fb23111ca3ef4cccaf20264fab8eb3b071e56667f",
         "ca0860cc1e96506c2beb25b53d2947fbab634f0372afc8ba",
         "19e4774030e43e6853ab5bf176ba9c4b59f29f285977e3c15198cbe3e34c884c3f56a732974aa1d6"),
        (44, "428542ecfb94a745980aa6", "8efe01716b9018084e2ea7616f85b7333d945c0c970f8cdd400130b98db67cda",
         "bc6b59120ba2845b0e41f65a55e2ef1c45a81485c926c14c",
         "cb48b0af6fad251d409d14ce0fbfae9cd9c40bf4a0c1e2b7e7cec415030997e1ac5db974b617b5a7"),
        (45, "eff703e6d72ddd23ff52d9", "d7fc74035e66709d2590b7bb3276245dd43824c9896fbd801ec1d07018b39b6b",
         "1a5432e8085511ddac1be91be3e2945f85f0cdcc3a1c9f8d",
         "c0a00cbaec65b7ca525fb26e80ee0cd18c7ef47c39c704833e59bfecf263bfdb24686627fd95e120"),
        (46, "6a652ce21334a40a259dcf", "5d24d80f22afe713c4076c200c1bab36917907fde7b6d34e141066f543526db6",
         "eb8f1988cb405041bf48d138ad41da7ef364d4ac59a9e324",
         "d4f23166c09a15466c7e0e2b30627ee5a84f22d7e6135b4a0652b67d559a84b4a915ca6a420fd300"),
        (47, "9382e12d447c0ca23cc9c3", "239129eb760f8a770410c160e4e13a6b9497077c3e463b65397393fcd3cb5c70",
         "b40e80564263c7f450c53ef84df67247d72e8a04dbb284bc",
         "6de2ba26caa80874814816154784912c55e3d6da83488e7250f5a52f82211542b4e2661cf870c80c"),
        (48, "2c3a4148cbb02504a2483f", "33c3bdbf185b580353de79e51e675b03b31e195f19ba1f063d44def0441dc528",
         "60a31736d99c3dcf25b349f6110e1c152b93506e85a01e67",
         "4d5e705d08f3ed1ca6f1caa74b46e4b1eee18a0783686f207de16aaa41d06bc071657dacf14da754"),
        (49, "691cdf6fe9ecc2154d0101", "dc096596644c4e09c44078b86e5e0887c45094042eb0d74a6a13aa2524463076",
         "77e6441ee017a93dd876ff2c7980540c77ee15edb0f23933",
         "24cecc81c8ac7ca9906372dc5263f2220b4dd162f1e08283f07f23e65475a20fd96e45c6c695cd83"),
    ]),
    ("97bc7482a87ba005475dfa3448f59d4b3f9c4c969d08b39b1b21ef965c0f5125", [
        (40, "0bcf78103ec52d6df28887", "049c10f0cb37ae08eae2d0766563b7c5a8454f841c2061a4f71a0a2158ae6ce5",
         "b99bf4dc781795fc4d3a8467b06e1665d4e543657f23129f",
         "0d3891fa0caac1f7ebe41b480920ffd34d4155064c24f3b17a483163dd8f228d1f20cd4f86cf38fd"),
        (41, "ab6374c6b2faefd92fa3d3", "f19c044023e5cf339203738ee70e76527519763664c06ae00e002a5ba94c32c6",
         "a2e5c51f516db01688b64c173bb25645182a005018022ee1",
         "f70c598df3c64d3527ebb7fc8408b7de2cfaa1da7984ec361f1ad61758d828b70d4881b7d6ae8cd0"),
        (42, "cfb89e7ddcba601e875110", "052714010da516c896ac5842a839ae845324643cddb080e6206148432d0d0407",
         "037f206cab78a6ca0745dc8fc137e22e14f3d7183917ef83",
         "ccd675862502a2e2520a33250150b8b7b220e84db854888c316dd62075fc761e2bc80edc5c564bdf"),
        (43, "967cb6f8530bf8a43adb42", "cf391a84d03e2e22aec1965cec821f99e7bf21a7c3580dffa531464b22d83225",
         "caa3d928d2bf2b7f2cd8a7f357055b6d6895a5e34f47972a",
         "4f4f509debe6e52eae4af8b1740dde0a5338f78711a3b4ebfc8b5aca6d606222d6af7cfea0d1f4e1"),
        (44, "f5b7b5dd2b5e1ec93710c9", "e7a6b228a67d37b9d29a38efc547e50b4a6d95d599b45ee189ece21101ac6b5b",
         "4a74ff35418723f2cecec1012484b52114067b2b2393e7f4",
         "25b140922a9d4f2ce153a4ff86596a49d7de6a6184e931e8b2ff27a98029b23484e00c2a5d291887"),
        (45, "713de00faff892977d99d0", "14ea93488d4284d21d4c7ce14414adf45c1ed9d2d99db866d0e59accb6234dac",
         "3820db475c7cb04a0f74d8e449f026ec951fa59667738698",
         "e4d92ab8d1ffb0976670d891cc8338da12f86d5d79b334103d2ae816edf857c810b6fdc7f2c71f1d"),
        (46, "ba87934808de09b2ae829b", "30e2ea2a505f19e8760a0a84961000c7a0b7fe3460a9d3f5a38f54149be2e9ee",
         "0e52a384cedcdf7f179348de6e7336aa86f8855fbd903cfa",
         "6df893eed2be958e5f542f8cb4adb392b34786cb4ce821ec93fc57997b977948d55bdb026db5bc48"),
        (47, "ea09fbe5da0fa4fe911e18", "237dc8512b29bccdeb8ee39cf83b9b6dd203823d175c44d5f605b194e7ec136e",
         "41cee0ecaf9c65cef740440af37954ef49a585779d2abbca",
         "2f204ebcf549ee2a800d870e6341b9a89a41ab4ae91b6902ff704a2bcfb8becd0226f76d68fbb08b"),
        (48, "5b80d7affc4ab4a4b68bdd", "3a38dd7da30f5c312fb1e978d87b7a39792fd9ea3e9ab1565874e99df587327c",
         "5ff92f6d3ca791421363e10cc84b4e8e21e0ebe5d8c55d6c",
         "05472db7875d59f8bed45606f355a516de93740aa2baeba18df9400df42baee6b9a0d75b45840104"),
        (49, "514bba483fe7f2b7e555cc", "ac8beb419099cdb42a39e9b46fd900cc52eec4b43a96ed18b37b899b63fb931c",
         "b0b11dfca9b3936d1b4a423c5acd3d012b399a487c19c994",
         "fa20629d514c4ce7bf727629bca5aa1c0c7e7851fc1bfc5c847729a70d7b4cff5281aece37006015"),
    ]),
]


def rows():
    for key, cases in NIST:
        for count, *values in cases:
            nonce, aad, text, sealed = map(bytes.fromhex, values)
            assert AESCCM(bytes.fromhex(key)).encrypt(nonce, text, aad) == sealed, (key, count)
            ours = [AESCCM(bytes.fromhex(key), tag_length=n).encrypt(nonce, text, aad[:12]) for n in (16, 12, 8)]
            assert all(o[:len(text)] == sealed[:len(text)] for o in ours), (key, count)
            icvs = ", ".join(f'"{o[len(text):].hex()}"' for o in ours)
            yield (f'\t{{"VNT{4 * len(key)} {count}", "{key}",\n\t "{nonce.hex()}", "{aad[:12].hex()}",\n'
                   f'\t "{text.hex()}",\n\t "{sealed[:len(text)].hex()}",\n\t {{{icvs}}}}},')


def header():
    return """/*
 * tests/vectors/ccm_cases.h: AES-CCM with a nonce of 11 bytes, from NIST's CAVP samples. Written by
 * ccm_cases.py, which says what is NIST's and what is not; not by hand.
 */
#ifndef CYGNET_TEST_CCM_CASES_H
#define CYGNET_TEST_CCM_CASES_H

/* Hexadecimal all of them. icv: of 16, 12 and 8 bytes. */
struct ccm_case {
\tconst char *name, *key, *nonce, *aad, *text, *cipher, *icv[3];
};

/* clang-format off */
static const struct ccm_case ccm_cases[] = {
""" + "\n".join(rows()) + """
};
/* clang-format on */

#endif
"""


def main():
    text = header()
    if "--check" in sys.argv[1:]:
        if HEADER.read_text(encoding="utf-8") != text:
            print(f"{HEADER.name} is not what ccm_cases.py writes", file=sys.stderr)
            return 1
        print(f"{HEADER.name} is up to date")
        return 0
    HEADER.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
