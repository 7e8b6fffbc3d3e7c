using System;
using System.IO;
using NUnit.Framework;

namespace SphereLinks.Tests
{
    public class FilesTests
    {
        private string _folder;

        [SetUp]
        public void Make() => _folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"))).FullName;

        [TearDown]
        public void Remove() => Directory.Delete(_folder, true);

        [TestCase("mug", "mug")]
        [TestCase("a:b?c", "a_b_c")]
        [TestCase("..", "Model")]
        [TestCase("", "Model")]
        [TestCase("con", "_con")]
        [TestCase("LPT1.old", "_LPT1.old")]
        [TestCase("cvs", "_cvs")]
        [TestCase(".hidden", "hidden")]
        [TestCase("backup~", "backup")]
        [TestCase("old.tmp", "old_tmp")]
        [TestCase("end. ", "end")]
        [TestCase("カップ", "カップ")]
        public void NamesAreTakenByEverySystemAndSeenByUnity(string name, string expected) =>
            Assert.AreEqual(expected, Files.SafeName(name));

        [Test]
        public void LongNamesAreCut() => Assert.LessOrEqual(Files.SafeName(new string('x', 300)).Length, 80);

        [Test]
        public void WritingReplacesAndLeavesNothingElse()
        {
            var path = Path.Combine(_folder, "file");
            Files.Write(path, new byte[] { 1 });
            Files.Write(path, new byte[] { 2, 3 });
            Assert.AreEqual(new byte[] { 2, 3 }, File.ReadAllBytes(path));
            Assert.AreEqual(1, Directory.GetFiles(_folder).Length);
        }

        [Test]
        public void CopyingOverAFileHasToBeAskedFor()
        {
            var (from, to) = (Path.Combine(_folder, "from"), Path.Combine(_folder, "to"));
            File.WriteAllText(from, "new");
            File.WriteAllText(to, "old");
            Assert.Throws<IOException>(() => Files.Copy(from, to, false));
            Assert.AreEqual("old", File.ReadAllText(to));
            Files.Copy(from, to, true);
            Assert.AreEqual("new", File.ReadAllText(to));
            Assert.AreEqual(2, Directory.GetFiles(_folder).Length);
        }
    }
}
