using NUnit.Framework;

namespace SphereLinks.Tests
{
    public class JsonTests
    {
        [TestCase("{\"a\": 1}")]
        [TestCase("\uFEFF{\"a\": 1}")]
        public void AnObjectIsRead(string text) => Assert.AreEqual(1, Json.Integer(Json.Object(text), "a"));

        [TestCase("")]
        [TestCase("[1]")]
        [TestCase("{\"a\": 1} {}")]
        [TestCase("{\"a\": }")]
        [TestCase("nothing")]
        public void AnythingElseIsNone(string text) => Assert.IsNull(Json.Object(text));

        [Test]
        public void DeepNestingIsRefused() => Assert.IsNull(Json.Object(Nested(1000)));

        [Test]
        public void MomentsStayText() =>
            Assert.AreEqual("2026-01-01T12:00:00.000Z", Json.Text(Json.Object("{\"a\": \"2026-01-01T12:00:00.000Z\"}"), "a"));

        [TestCase("9007199254740993")]
        [TestCase("1.5")]
        [TestCase("\"1\"")]
        [TestCase("null")]
        public void WhatIsNoIntIsNone(string value) => Assert.IsNull(Json.Integer(Json.Object($"{{\"a\": {value}}}"), "a"));

        private static string Nested(int depth) =>
            string.Concat(System.Linq.Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
    }
}
